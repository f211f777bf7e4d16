import type { Client } from "../../client/index.ts";
import { type HostStatus, hasCode } from "../../model/index.ts";
import { formatAddress, formatPrefix } from "../../net/index.ts";
import {
  type BodyOf,
  type CONTRACT,
  encodeHost,
  encodeHostPrefixes,
  encodeHostStatus,
  type HostResource,
} from "../../schema/index.ts";
import type { Noun, Option } from "../command.ts";
import { bodiesOf } from "../create.ts";
import { count } from "../format.ts";
import { LABEL_OPTION, labelsColumn, labelsOf, NO_LABELS_OPTION } from "../labels.ts";
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
import { addressPairOf, groupPath, patchOf } from "../words.ts";

const HOST: Resource<HostResource> = {
  noun: "host",
  columns: [
    { title: "name", value: ({ name }) => name },
    { title: "id", value: ({ id }) => id, align: "right" },
    { title: "group", value: ({ group }) => group.join("/") },
    { title: "prefixes", value: (host) => prefixesOf(host).join(", ") },
    { title: "underlay", value: (host) => underlayOf(host).join(", ") },
    labelsColumn(),
    { title: "external ID", value: ({ externalId }) => externalId, wide: true },
    { title: "revision", value: ({ revision }) => revision, align: "right", wide: true },
  ],
  encode: (host) => ({
    ...encodeHost(host),
    prefixes: encodeHostPrefixes(host.prefixes),
    revision: host.revision,
  }),
};

const UNDERLAY: Option = {
  name: "underlay",
  value: "ADDRESS",
  summary: "Where other hosts reach it; one per family",
  many: true,
};

const EXTERNAL_ID: Option = {
  name: "external-id",
  value: "TEXT",
  summary: "Its identifier in the orchestrator",
};

/** `romana host`. */
export const host: Noun = {
  name: "host",
  summary: "Machines with an agent: IDs, prefixes, underlay addresses",
  connection: "romanad",
  commands: [
    {
      verb: "create",
      summary: "Create a host, or those of a file",
      arguments: [{ name: "name", summary: "Name of the host", optional: true }],
      options: [
        { name: "id", value: "NUMBER", kind: "integer", summary: "Its ID; assigned when left out" },
        { name: "group", value: "PATH", summary: 'Its groups from the first level down, "/" between them' },
        {
          name: "place",
          summary: "Choose the group with the fewest hosts, of all or of those inside --group",
        },
        UNDERLAY,
        EXTERNAL_ID,
        LABEL_OPTION,
        FILE_OPTION,
      ],
      examples: [
        "romana host create host-1 --id 1 --underlay 192.0.2.1",
        "romana host create host-2 --group zone-a/rack-1 --underlay 192.0.2.2 --underlay 2001:db8::2",
        "romana host create host-3 --label zone=a --label disk=ssd",
        "romana host create host-4 --place --group zone-a --underlay 192.0.2.4",
        "romana host create -f hosts.yaml",
      ],
      run: async (input, context) => {
        const client = await context.client();
        const { bodies, single } = bodiesOf<BodyOf<typeof CONTRACT.createHost>>(input, "name", (name) => {
          const id = input.integer("id");
          const group = groupPath(input.text("group"));
          const underlay = addressPairOf("--underlay", input.list("underlay"));
          return {
            name,
            ...(id !== undefined && { id }),
            group,
            ...(input.flag("place") && { place: "fewest-hosts" as const }),
            underlay,
            ...patchOf({ externalId: input.text("external-id"), labels: labelsOf(input) }),
          };
        });
        const outcomes = [];
        for (const body of bodies) {
          const { status, result } = await client.callWithStatus("createHost", { body });
          outcomes.push({ status, object: result });
        }
        return outcomeResult(HOST, outcomes, single);
      },
    },
    {
      verb: "list",
      aliases: ["ls"],
      summary: "List the hosts",
      examples: ["romana host list", "romana host list -o wide"],
      run: async (_, context) => {
        const client = await context.client();
        return listResult(HOST, await listAll((query) => client.call("listHosts", { query })));
      },
    },
    {
      verb: "show",
      summary: "Show a host and what its agent reports",
      arguments: [{ name: "name", summary: "Name of the host", complete: "host" }],
      examples: ["romana host show host-1", "romana host show host-1 -o json"],
      run: async (input, context) => {
        const client = await context.client();
        const name = input.argument("name");
        const object = await client.call("getHost", { params: { host: name } });
        const report = await reportOf(client, name);
        return showResult(HOST, object, {
          data: report === undefined ? {} : { status: encodeHostStatus(report) },
          fields: [["agent", report === undefined ? "has not reported" : describe(report)]],
        });
      },
    },
    {
      verb: "update",
      summary: "Change underlay addresses, external ID or labels of a host",
      arguments: [{ name: "name", summary: "Name of the host", complete: "host" }],
      options: [
        UNDERLAY,
        EXTERNAL_ID,
        { name: "no-external-id", summary: "Take the external ID away" },
        LABEL_OPTION,
        NO_LABELS_OPTION,
        REVISION_OPTION,
      ],
      examples: [
        "romana host update host-1 --label zone=b",
        "romana host update host-1 --underlay 192.0.2.11 --underlay 2001:db8::11",
      ],
      run: async (input, context) => {
        const client = await context.client();
        const params = { host: input.argument("name") };
        const addresses = input.list("underlay");
        const body = patchOf({
          underlay: addresses.length === 0 ? undefined : addressPairOf("--underlay", addresses),
          externalId: input.flag("no-external-id") ? null : input.text("external-id"),
          labels: labelsOf(input, true),
        });
        const object = await client.call("updateHost", { params, body }, changeOptions(input));
        return outcomeResult(HOST, [{ object }], true);
      },
    },
    deleteCommand(
      "host",
      "host",
      DELETE_OPTIONS,
      ["romana host delete host-1", "romana host delete host-1 --cascade --dry-run"],
      (client, name, input) =>
        client.call(
          "deleteHost",
          { params: { host: name }, query: deleteQuery(input) },
          changeOptions(input),
        ),
    ),
  ],
};

function prefixesOf({ prefixes }: HostResource): string[] {
  return [...prefixes.values()].flatMap(({ ipv4, ipv6 }) =>
    [ipv4, ipv6].flatMap((prefix) => (prefix === undefined ? [] : [formatPrefix(prefix)])),
  );
}

function underlayOf({ underlay }: HostResource): string[] {
  return [underlay.ipv4, underlay.ipv6].flatMap((address) => (address ? [formatAddress(address)] : []));
}

/** The last report of the host's agent; undefined when it never reported. */
async function reportOf(client: Client, name: string): Promise<HostStatus | undefined> {
  try {
    return await client.call("getHostStatus", { params: { host: name } });
  } catch (error) {
    if (hasCode(error, "not-found")) return undefined;
    throw error;
  }
}

function describe({ state, problems, attachments, routes, observedRevision }: HostStatus): string {
  const missing = routes.filter((route) => route.state !== "present").length;
  const parts = [
    `${state} at revision ${observedRevision}`,
    count(attachments, "attachment"),
    `${count(routes.length, "route")}${missing === 0 ? "" : ` (${missing} not in place)`}`,
    ...problems,
  ];
  return parts.join(", ");
}
