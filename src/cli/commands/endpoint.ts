import { formatSegmentCode } from "../../addressing/index.ts";
import { formatAddress } from "../../net/index.ts";
import { type BodyOf, type CONTRACT, encodeEndpoint, type ResultOf } from "../../schema/index.ts";
import type { Input, Noun, Option } from "../command.ts";
import { bodiesOf } from "../create.ts";
import { wrongInput } from "../input.ts";
import {
  changeOptions,
  DRY_RUN_OPTION,
  deleteCommand,
  dryRunQuery,
  FILE_OPTION,
  listAll,
  listResult,
  outcomeResult,
  REVISION_OPTION,
  type Resource,
  showResult,
} from "../resource.ts";
import { nameOrId, ownerOf, patchOf } from "../words.ts";

const ENDPOINT: Resource<ResultOf<typeof CONTRACT.getEndpoint>> = {
  noun: "endpoint",
  columns: [
    { title: "name", value: ({ name }) => name },
    { title: "IPv4", value: ({ addresses }) => addresses.ipv4 && formatAddress(addresses.ipv4) },
    { title: "IPv6", value: ({ addresses }) => addresses.ipv6 && formatAddress(addresses.ipv6) },
    { title: "host", value: ({ host }) => host },
    { title: "located on", value: ({ locatedOn }) => locatedOn, wide: true },
    { title: "tenant", value: ({ tenant }) => tenant },
    { title: "segment", value: ({ segment }) => segment },
    { title: "acts as", value: ({ actsAs }) => actsAs, wide: true },
    { title: "id", value: ({ endpointId }) => endpointId, align: "right" },
    { title: "network", value: ({ network }) => network, wide: true },
    { title: "code", value: ({ code }) => formatSegmentCode(code), wide: true },
    { title: "token", value: ({ requestToken }) => requestToken, wide: true },
    { title: "external ID", value: ({ externalId }) => externalId, wide: true },
    { title: "instance", value: ({ instance }) => instance, wide: true },
    { title: "tap", value: ({ tap }) => tap?.device, wide: true },
    { title: "MAC", value: ({ tap }) => tap?.mac, wide: true },
    { title: "created", value: ({ createdAt }) => new Date(createdAt).toISOString(), wide: true },
    { title: "revision", value: ({ revision }) => revision, align: "right", wide: true },
  ],
  encode: (endpoint) => ({ ...encodeEndpoint(endpoint), revision: endpoint.revision }),
};

const NETWORK: Option = {
  name: "network",
  value: "NETWORK",
  summary: "Its network; may be left out when there is just one",
  complete: "network",
};

const EXTERNAL_ID: Option = {
  name: "external-id",
  value: "TEXT",
  summary: "Its identifier in the orchestrator",
};

const INSTANCE: Option = {
  name: "instance",
  value: "TEXT",
  summary: "What the hypervisor calls its VM, for metadata",
};

const TAP: Option = {
  name: "tap",
  value: "DEVICE",
  summary: "The tap on its host that the agent there wires it to, whenever it is there; with --mac",
};

const MAC: Option = { name: "mac", value: "MAC", summary: "MAC address of the guest behind the tap" };

/** Stands for the endpoint's own segment in `--acts-as`. */
const OWN_SEGMENT = "none";

/** `romana endpoint`. */
export const endpoint: Noun = {
  name: "endpoint",
  summary: "What has an address: allocate, look up, release",
  connection: "romanad",
  commands: [
    {
      verb: "create",
      aliases: ["allocate"],
      summary: "Allocate an endpoint, or those of a file",
      arguments: [{ name: "name", summary: "Name of the endpoint", optional: true }],
      options: [
        { name: "host", value: "HOST", summary: "Name or ID of its host", complete: "host" },
        { name: "tenant", value: "TENANT", summary: "Name or ID of its tenant", complete: "tenant" },
        { name: "segment", value: "SEGMENT", summary: "Name or code of its segment" },
        {
          name: "workload",
          value: "ID",
          summary: "The workload that says tenant and segment",
          complete: "workload",
        },
        NETWORK,
        {
          name: "id",
          value: "NUMBER",
          kind: "integer",
          summary: "Its ID; the lowest free one when left out",
        },
        { name: "code", value: "CODE", summary: "One of the segment's codes, such as 5 or 5+2" },
        { name: "address", value: "ADDRESS", summary: "Exactly this address" },
        { name: "token", value: "TEXT", summary: "Same token, same endpoint: makes repeating safe" },
        EXTERNAL_ID,
        INSTANCE,
        TAP,
        MAC,
        FILE_OPTION,
      ],
      examples: [
        "romana endpoint create web-1 --host host-1 --tenant shop --segment web",
        "romana endpoint allocate --host 1 --tenant 1 --segment 1 --id 11",
        "romana endpoint create db-1 --host host-2 --tenant shop --segment db --address 10.2.1.33",
        "romana endpoint create --host host-1 --workload 6f1c2a9e --token cni/net/8a77/eth0",
        "romana endpoint create vm-1 --host host-1 --tenant shop --segment web --tap tap6f1c2a9e-52 --mac fa:16:3e:00:00:07",
        "romana endpoint create -f endpoints.yaml",
      ],
      run: async (input, context) => {
        const client = await context.client();
        const build = (name: string | undefined): BodyOf<typeof CONTRACT.createEndpoint> => ({
          host: nameOrId(wanted("host", input.text("host"))),
          ...ownerOf(input),
          ...patchOf({
            name,
            network: input.text("network"),
            endpointId: input.integer("id"),
            code: input.text("code"),
            address: input.text("address"),
            requestToken: input.text("token"),
            externalId: input.text("external-id"),
            instance: input.text("instance"),
            tap: tapOf(input),
          }),
        });
        const { bodies, single } = bodiesOf(input, "name", build, () => build(undefined));
        const outcomes = [];
        for (const body of bodies) {
          const { status, result } = await client.callWithStatus("createEndpoint", { body });
          outcomes.push({ status, object: result });
        }
        return outcomeResult(ENDPOINT, outcomes, single);
      },
    },
    {
      verb: "list",
      aliases: ["ls"],
      summary: "List the endpoints",
      options: [
        { name: "host", value: "HOST", summary: "Only those on this host", complete: "host" },
        { name: "tenant", value: "TENANT", summary: "Only those of this tenant", complete: "tenant" },
        { name: "segment", value: "SEGMENT", summary: "Only those of this segment of --tenant" },
        { name: "network", value: "NETWORK", summary: "Only those of this network", complete: "network" },
        { name: "relocated", summary: "Only those that are on another host than their address says" },
      ],
      examples: [
        "romana endpoint list",
        "romana endpoint list --host host-1 -o wide",
        "romana endpoint list --tenant shop --segment web -o json",
        "romana endpoint list --relocated",
      ],
      run: async (input, context) => {
        const client = await context.client();
        const filters = patchOf({
          host: input.text("host"),
          tenant: input.text("tenant"),
          segment: input.text("segment"),
          network: input.text("network"),
          relocated: input.flag("relocated") || undefined,
        });
        const items = await listAll((page) =>
          client.call("listEndpoints", { query: { ...filters, ...page } }),
        );
        return listResult(ENDPOINT, items);
      },
    },
    {
      verb: "show",
      summary: "Show an endpoint",
      arguments: [{ name: "endpoint", summary: "Name, or any of its addresses", complete: "endpoint" }],
      examples: ["romana endpoint show web-1", "romana endpoint show 10.1.1.27 -o yaml"],
      run: async (input, context) => {
        const client = await context.client();
        const params = { ref: input.argument("endpoint") };
        return showResult(ENDPOINT, await client.call("getEndpoint", { params }));
      },
    },
    {
      verb: "update",
      summary:
        "Change the external ID of an endpoint, its VM or tap, the segment that policies take it for, or where it is",
      arguments: [{ name: "endpoint", summary: "Name, or any of its addresses", complete: "endpoint" }],
      options: [
        EXTERNAL_ID,
        { name: "no-external-id", summary: "Take the external ID away" },
        INSTANCE,
        { name: "no-instance", summary: "Say no VM any more" },
        TAP,
        MAC,
        { name: "no-tap", summary: "Wire it to no tap any more" },
        {
          name: "acts-as",
          value: "SEGMENT",
          summary: `A segment of its tenant that policies shall take it for; "${OWN_SEGMENT}": its own`,
        },
        {
          name: "located-on",
          value: "HOST",
          summary: "The host where it is from now on; the host of its address: back home",
          complete: "host",
        },
        REVISION_OPTION,
      ],
      examples: [
        "romana endpoint update web-1 --external-id pod/web-1",
        "romana endpoint update vm-1 --tap tap6f1c2a9e-52 --mac fa:16:3e:00:00:08",
        "romana endpoint update vm-1 --no-tap",
        "romana endpoint update web-1 --located-on host-2",
        "romana endpoint update web-1 --acts-as quarantine",
        "romana endpoint update web-1 --acts-as none",
      ],
      run: async (input, context) => {
        const client = await context.client();
        const externalId = input.flag("no-external-id") ? null : input.text("external-id");
        const params = { ref: input.argument("endpoint") };
        const segment = input.text("acts-as");
        const body = patchOf({
          externalId,
          actsAs: segment === OWN_SEGMENT ? null : segment,
          locatedOn: input.text("located-on"),
          instance: input.flag("no-instance") ? null : input.text("instance"),
          tap: input.flag("no-tap") ? null : tapOf(input),
        });
        const object = await client.call("updateEndpoint", { params, body }, changeOptions(input));
        return outcomeResult(ENDPOINT, [{ object }], true);
      },
    },
    deleteCommand(
      "endpoint",
      "endpoint",
      [DRY_RUN_OPTION],
      ["romana endpoint delete web-1", "romana endpoint delete 10.1.1.27 web-2 --dry-run"],
      (client, name, input) =>
        client.call(
          "deleteEndpoint",
          { params: { ref: name }, query: dryRunQuery(input) },
          changeOptions(input),
        ),
    ),
  ],
};

/** The tap of `--tap` and `--mac`, which belong together. @throws RomanaError `invalid-input` for one of them alone. */
function tapOf(input: Input): { device: string; mac: string } | undefined {
  const [device, mac] = [input.text("tap"), input.text("mac")];
  if (device === undefined && mac === undefined) return undefined;
  return { device: wanted("tap", device), mac: wanted("mac", mac) };
}

function wanted(option: string, text: string | undefined): string {
  if (text === undefined) throw wrongInput(`--${option}`, "is missing");
  return text;
}
