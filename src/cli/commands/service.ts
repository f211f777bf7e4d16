import type { Client } from "../../client/index.ts";
import { segmentPlaceText, serviceAddresses } from "../../model/index.ts";
import { formatAddress } from "../../net/index.ts";
import {
  type BackendsResource,
  type BodyOf,
  type CONTRACT,
  encodeBackendsResource,
  encodeServiceDetails,
  type ServiceDetailsResource,
} from "../../schema/index.ts";
import type { Input, Noun, Option } from "../command.ts";
import { bodiesOf } from "../create.ts";
import { wrongInput } from "../input.ts";
import {
  changeOptions,
  DELETE_OPTIONS,
  deleteCommand,
  deleteQuery,
  FILE_OPTION,
  listAll,
  listResult,
  outcomeResult,
  REVISION_OPTION,
  type Resource,
  showResult,
} from "../resource.ts";
import { healthCheckOf, healthCheckText, servicePortsOf, servicePortText } from "../service-words.ts";
import { addressPairOf, patchOf, segmentName } from "../words.ts";

const SERVICE: Resource<ServiceDetailsResource> = {
  noun: "service",
  columns: [
    { title: "name", value: ({ name }) => name },
    { title: "addresses", value: (service) => serviceAddresses(service).map(formatAddress).join(", ") },
    { title: "ports", value: ({ ports }) => ports.map(servicePortText).join(", ") },
    { title: "segment", value: ({ tenant, segment }) => `${tenant}/${segment}` },
    {
      title: "healthy",
      value: ({ healthy, members }) => `${healthy}/${members}`,
      tone: ({ healthy, members }) => (healthy === 0 ? "bad" : healthy < members ? "faint" : "good"),
      align: "right",
    },
    { title: "network", value: ({ network }) => network, wide: true },
    { title: "affinity", value: ({ affinity }) => affinity, wide: true },
    { title: "prefer", value: ({ prefer }) => prefer, wide: true },
    { title: "check", value: ({ health }) => health && healthCheckText(health), wide: true },
    { title: "DNS name", value: ({ dnsName }) => dnsName, wide: true },
    { title: "external ID", value: ({ externalId }) => externalId, wide: true },
    { title: "revision", value: ({ revision }) => revision, align: "right", wide: true },
  ],
  encode: (service) => encodeServiceDetails(service, service.revision),
};

/** After a change romanad has not counted yet. */
const CHANGED_SERVICE: Resource<ServiceDetailsResource> = {
  ...SERVICE,
  columns: SERVICE.columns.filter(({ title }) => title !== "healthy"),
};

/** Endpoints that `show` names to people. */
const SHOWN = 20;

const PORT_OPTION: Option = {
  name: "port",
  value: "[NAME=]PROTOCOL/PORT[:TARGET]",
  many: true,
  summary: "A port, and the one of the endpoints where it is another one",
};

/** Options that `create` and `update` share; those of one word can be taken away again. */
const FIELD_OPTIONS: readonly Option[] = [
  PORT_OPTION,
  {
    name: "affinity",
    value: "WORD",
    choices: ["client"],
    summary: "All flows of a client go to the same endpoint",
  },
  {
    name: "prefer",
    value: "WORD",
    choices: ["local"],
    summary: "Endpoints of the client's own host, as long as one is healthy",
  },
  {
    name: "check",
    value: "CHECK",
    summary: "How hosts find out whether an endpoint works: tcp:PORT, http:PORT[/PATH] or icmp",
  },
  { name: "dns-name", value: "NAME", summary: "A name that resolvers may give its addresses" },
  { name: "external-id", value: "TEXT", summary: "Its identifier in the orchestrator" },
];

/** Fields that `update` can take away, by their option. */
const REMOVABLE = {
  affinity: "affinity",
  prefer: "prefer",
  check: "health",
  "dns-name": "dnsName",
  "external-id": "externalId",
} as const;

type Body = BodyOf<typeof CONTRACT.createService>;

/** `romana service`. */
export const service: Noun = {
  name: "service",
  summary: "Services: stable addresses in front of segments",
  connection: "romanad",
  commands: [
    {
      verb: "create",
      summary: "Create a service, or those of a file",
      arguments: [{ name: "name", summary: "Name of the service", optional: true }],
      options: [
        {
          name: "segment",
          value: "TENANT/SEGMENT",
          summary: "Whose endpoints serve",
          complete: "segment",
        },
        { name: "network", value: "NETWORK", summary: "Needed among several networks", complete: "network" },
        {
          name: "address",
          value: "ADDRESS",
          many: true,
          summary: "One per family of the network's service prefixes; the lowest free ones when left out",
        },
        ...FIELD_OPTIONS,
        FILE_OPTION,
      ],
      examples: [
        "romana service create web --segment shop/web --port tcp/80",
        "romana service create api --segment shop/api --port http=tcp/80:8080 --port metrics=tcp/9090 --check http:8080/ready",
        "romana service create dns --segment infra/dns --address 172.20.0.10 --port udp/53 --affinity client",
        "romana service create -f services.yaml",
      ],
      run: async (input, context) => {
        const client = await context.client();
        const { bodies, single } = bodiesOf<Body>(input, "name", (name) => bodyOf(input, name));
        const outcomes = [];
        for (const body of bodies) {
          const { status, result } = await client.callWithStatus("createService", { body });
          outcomes.push({ status, object: result });
        }
        return outcomeResult(CHANGED_SERVICE, outcomes, single);
      },
    },
    {
      verb: "list",
      aliases: ["ls"],
      summary: "List the services and how many of their endpoints are healthy",
      examples: ["romana service list", "romana service list -o wide"],
      run: async (_, context) => {
        const client = await context.client();
        return listResult(SERVICE, await listAll((query) => client.call("listServices", { query })));
      },
    },
    {
      verb: "show",
      summary: "Show a service and the endpoints that its flows go to",
      arguments: [{ name: "name", summary: "Name of the service", complete: "service" }],
      examples: ["romana service show web", "romana service show web -o json"],
      run: async (input, context) => {
        const client = await context.client();
        const params = { name: input.argument("name") };
        const object = await client.call("getService", { params });
        const backends = await backendsOf(client, object);
        return showResult(SERVICE, object, {
          data: { backends: backends === undefined ? [] : encodeBackendsResource(backends, 0).backends },
          fields: [["endpoints", endpointsText(backends)]],
        });
      },
    },
    {
      verb: "update",
      summary: "Change where a service sends its traffic, and how",
      arguments: [{ name: "name", summary: "Name of the service", complete: "service" }],
      options: [
        { name: "segment", value: "SEGMENT", summary: "Another segment of its tenant" },
        ...FIELD_OPTIONS,
        ...Object.keys(REMOVABLE).map((name) => ({ name: `no-${name}`, summary: `Without --${name}` })),
        REVISION_OPTION,
      ],
      examples: [
        "romana service update web --segment web-green",
        "romana service update web --check tcp:80 --no-affinity",
      ],
      run: async (input, context) => {
        const client = await context.client();
        const params = { name: input.argument("name") };
        const removed = Object.entries(REMOVABLE).flatMap(([name, field]) =>
          input.flag(`no-${name}`) ? [[field, null] as const] : [],
        );
        const body = {
          ...patchOf({ segment: input.text("segment"), ports: servicePortsOf(input.list("port")) }),
          ...fieldsOf(input),
          ...Object.fromEntries(removed),
        };
        const object = await client.call("updateService", { params, body }, changeOptions(input));
        return outcomeResult(CHANGED_SERVICE, [{ object }], true);
      },
    },
    deleteCommand(
      "service",
      "service",
      DELETE_OPTIONS,
      ["romana service delete web"],
      (client, name, input) =>
        client.call("deleteService", { params: { name }, query: deleteQuery(input) }, changeOptions(input)),
    ),
  ],
};

/** @throws RomanaError `invalid-input` without a segment or a port. */
function bodyOf(input: Input, name: string): Body {
  const segment = input.text("segment");
  const ports = servicePortsOf(input.list("port"));
  const addresses = input.list("address");
  if (segment === undefined) throw wrongInput("--segment", "is missing");
  if (ports === undefined) throw wrongInput("--port", "is missing");
  return {
    name,
    ...patchOf({ network: input.text("network") }),
    ...segmentName(segment),
    ...(addresses.length > 0 && { addresses: addressPairOf("--address", addresses) }),
    ports,
    ...fieldsOf(input),
  };
}

function fieldsOf(input: Input): Pick<Body, "affinity" | "prefer" | "health" | "dnsName" | "externalId"> {
  return patchOf({
    affinity: input.text("affinity") as Body["affinity"],
    prefer: input.text("prefer") as Body["prefer"],
    health: healthCheckOf(input.text("check")),
    dnsName: input.text("dns-name"),
    externalId: input.text("external-id"),
  });
}

async function backendsOf(
  client: Client,
  object: ServiceDetailsResource,
): Promise<BackendsResource | undefined> {
  const all = await listAll((query) => client.call("listBackends", { query }));
  return all.find((one) => segmentPlaceText(one) === segmentPlaceText(object));
}

function endpointsText(
  { backends }: Pick<BackendsResource, "backends"> = { backends: [] },
): string | undefined {
  if (backends.length === 0) return undefined;
  const texts = backends
    .slice(0, SHOWN)
    .map((backend) => `${serviceAddresses(backend).map(formatAddress).join(" and ")} on ${backend.host}`);
  const more = backends.length - texts.length;
  return [...texts, ...(more > 0 ? [`${more} more`] : [])].join(", ");
}
