import { formatAddress } from "../../net/index.ts";
import {
  type BodyOf,
  type CONTRACT,
  encodeVirtualIpDetails,
  type VirtualIpDetailsResource,
} from "../../schema/index.ts";
import type { Input, Noun, Option } from "../command.ts";
import { bodiesOf } from "../create.ts";
import { wrongInput } from "../input.ts";
import { labelsOf } from "../labels.ts";
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
import { addressPairOf, patchOf } from "../words.ts";

const VIRTUAL_IP: Resource<VirtualIpDetailsResource> = {
  noun: "virtual IP",
  columns: [
    { title: "name", value: ({ name }) => name },
    { title: "addresses", value: (virtualIp) => addressesOf(virtualIp).join(", ") },
    { title: "holder", value: ({ holder }) => holder },
    { title: "state", value: ({ state }) => state },
    { title: "reason", value: ({ reason }) => reason },
    { title: "candidates", value: candidatesOf, wide: true },
    { title: "since", value: ({ since }) => since && new Date(since).toISOString(), wide: true },
    { title: "external ID", value: ({ externalId }) => externalId, wide: true },
    { title: "revision", value: ({ revision }) => revision, align: "right", wide: true },
  ],
  encode: (virtualIp) => encodeVirtualIpDetails(virtualIp, virtualIp.revision),
};

const HOST_OPTION: Option = {
  name: "host",
  value: "HOST",
  many: true,
  summary: "A host that may hold it; all that may",
  complete: "host",
};
const LABEL_OPTION: Option = {
  name: "label",
  value: "KEY=VALUE",
  many: true,
  summary: "A label that a host must have to hold it",
};
const EXTERNAL_ID: Option = {
  name: "external-id",
  value: "TEXT",
  summary: "Its identifier in the orchestrator",
};

type Body = BodyOf<typeof CONTRACT.createVirtualIp>;

/** `romana vip`. */
export const vip: Noun = {
  name: "vip",
  summary: "Virtual IPs: addresses on the underlay, each on one healthy host at a time",
  connection: "romanad",
  commands: [
    {
      verb: "create",
      summary: "Create a virtual IP, or those of a file",
      arguments: [{ name: "name", summary: "Name of the virtual IP", optional: true }],
      options: [
        { name: "address", value: "ADDRESS", many: true, summary: "Its address; one per family" },
        HOST_OPTION,
        LABEL_OPTION,
        EXTERNAL_ID,
        FILE_OPTION,
      ],
      examples: [
        "romana vip create www --address 192.0.2.80 --address 2001:db8::80",
        "romana vip create api --address 192.0.2.81 --host host-1 --host host-2",
        "romana vip create edge --address 192.0.2.82 --label role=edge",
        "romana vip create -f virtual-ips.yaml",
      ],
      run: async (input, context) => {
        const client = await context.client();
        const { bodies, single } = bodiesOf<Body>(input, "name", (name) => ({
          name,
          addresses: addressPairOf("--address", input.list("address")),
          ...patchOf({ hosts: selectorOf(input), externalId: input.text("external-id") }),
        }));
        const outcomes = [];
        for (const body of bodies) {
          const { status, result } = await client.callWithStatus("createVirtualIp", { body });
          outcomes.push({ status, object: result });
        }
        return outcomeResult(VIRTUAL_IP, outcomes, single);
      },
    },
    {
      verb: "list",
      aliases: ["ls"],
      summary: "List the virtual IPs and who holds them",
      examples: ["romana vip list", "romana vip list -o wide"],
      run: async (_, context) => {
        const client = await context.client();
        return listResult(VIRTUAL_IP, await listAll((query) => client.call("listVirtualIps", { query })));
      },
    },
    {
      verb: "show",
      summary: "Show a virtual IP and who holds it",
      arguments: [{ name: "name", summary: "Name of the virtual IP", complete: "vip" }],
      examples: ["romana vip show www", "romana vip show www -o json"],
      run: async (input, context) => {
        const client = await context.client();
        const params = { name: input.argument("name") };
        return showResult(VIRTUAL_IP, await client.call("getVirtualIp", { params }));
      },
    },
    {
      verb: "update",
      summary: "Change which hosts may hold a virtual IP",
      arguments: [{ name: "name", summary: "Name of the virtual IP", complete: "vip" }],
      options: [
        HOST_OPTION,
        LABEL_OPTION,
        { name: "all-hosts", summary: "Every host may hold it" },
        EXTERNAL_ID,
        { name: "no-external-id", summary: "Take the external ID away" },
        REVISION_OPTION,
      ],
      examples: ["romana vip update www --host host-2", "romana vip update www --all-hosts"],
      run: async (input, context) => {
        const client = await context.client();
        const params = { name: input.argument("name") };
        const body = patchOf({
          hosts: input.flag("all-hosts") ? null : selectorOf(input),
          externalId: input.flag("no-external-id") ? null : input.text("external-id"),
        });
        const object = await client.call("updateVirtualIp", { params, body }, changeOptions(input));
        return outcomeResult(VIRTUAL_IP, [{ object }], true);
      },
    },
    deleteCommand("vip", "vip", [DRY_RUN_OPTION], ["romana vip delete www"], (client, name, input) =>
      client.call("deleteVirtualIp", { params: { name }, query: dryRunQuery(input) }, changeOptions(input)),
    ),
  ],
};

/** Who may hold it, from `--host` or `--label`; undefined when neither is given. @throws RomanaError `invalid-input` for both. */
function selectorOf(input: Input): Body["hosts"] {
  const names = input.list("host");
  const labels = labelsOf(input);
  if (labels === undefined) return names.length === 0 ? undefined : { names: [...names] };
  if (names.length > 0) throw wrongInput("--label", "cannot be given with --host");
  return {
    labels: Object.entries(labels).map(([key, value]) => ({ key, operator: "In", values: [value] })),
  };
}

function addressesOf({ addresses: { ipv4, ipv6 } }: VirtualIpDetailsResource): string[] {
  return [ipv4, ipv6].flatMap((address) => (address === undefined ? [] : [formatAddress(address)]));
}

function candidatesOf({ hosts }: VirtualIpDetailsResource): string {
  if (hosts === undefined) return "all hosts";
  if (hosts.by === "names") return hosts.names.join(", ");
  return hosts.requirements
    .map(({ key, operator, values }) => [key, operator, values.join(", ")].join(" ").trim())
    .join("; ");
}
