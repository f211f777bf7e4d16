import { type AddressPlan, plansOf } from "../../model/index.ts";
import { formatPrefix } from "../../net/index.ts";
import { type BodyOf, type CONTRACT, encodeNetwork, type ResultOf } from "../../schema/index.ts";
import type { Input, Noun } from "../command.ts";
import { bodiesOf } from "../create.ts";
import { readDocument } from "../documents.ts";
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
import { patchOf, planBits } from "../words.ts";

type NetworkBody = BodyOf<typeof CONTRACT.createNetwork>;

const NETWORK: Resource<ResultOf<typeof CONTRACT.getNetwork>> = {
  noun: "network",
  columns: [
    { title: "name", value: ({ name }) => name },
    {
      title: "prefixes",
      value: (network) =>
        plansOf(network)
          .map(({ prefix }) => formatPrefix(prefix))
          .join(", "),
    },
    { title: "bits", value: (network) => plansOf(network).map(describeBits).join("; ") },
    {
      title: "numbering",
      value: (network) => [...new Set(plansOf(network).map(({ numbering }) => numbering))].join(", "),
    },
    {
      title: "services",
      value: ({ services }) =>
        [services?.ipv4, services?.ipv6]
          .flatMap((prefix) => (prefix === undefined ? [] : [formatPrefix(prefix)]))
          .join(", "),
      wide: true,
    },
    { title: "groups", value: ({ groups }) => groups.map(({ name }) => name).join(", "), wide: true },
    { title: "revision", value: ({ revision }) => revision, align: "right", wide: true },
  ],
  encode: (network) => ({ ...encodeNetwork(network), revision: network.revision }),
};

/** `romana network`. */
export const network: Noun = {
  name: "network",
  summary: "Address spaces: their plans for IPv4 and IPv6, their topology groups",
  connection: "romanad",
  commands: [
    {
      verb: "create",
      summary: "Create a network, or those of a file",
      arguments: [{ name: "name", summary: "Name of the network", optional: true }],
      options: [
        { name: "ipv4", value: "PREFIX", summary: "Its IPv4 prefix" },
        {
          name: "ipv4-bits",
          value: "BITS",
          summary:
            "Widths of the levels behind the IPv4 prefix, such as host=8,tenant=8,segment=4,endpoint=4",
        },
        { name: "ipv6", value: "PREFIX", summary: "Its IPv6 prefix" },
        { name: "ipv6-bits", value: "BITS", summary: "Widths of the levels behind the IPv6 prefix" },
        {
          name: "services",
          value: "PREFIX",
          many: true,
          summary: "Where addresses of services come from, outside of the plans; one per family",
        },
        {
          name: "numbering",
          value: "WORD",
          choices: ["literal", "v1"],
          summary: "How IDs become bits: as they are, or as the original system did",
        },
        FILE_OPTION,
      ],
      examples: [
        "romana network create main --ipv4 10.0.0.0/8 --ipv4-bits host=8,tenant=8,segment=4,endpoint=4",
        "romana network create racks --ipv6 fd00:1234:5678::/48 --ipv6-bits zone=4,rack=4,host=8,tenant=16,segment=16,endpoint=32",
        "romana network create shop --ipv4 10.0.0.0/8 --ipv4-bits host=8,tenant=8,segment=4,endpoint=4 --services 172.20.0.0/16",
        "romana network create -f network.yaml",
      ],
      run: async (input, context) => {
        const client = await context.client();
        const { bodies, single } = bodiesOf<NetworkBody>(input, "name", (name) => ({
          name,
          ...patchOf({ numbering: input.text("numbering") as "literal" | undefined }),
          plans: patchOf({ ipv4: planOf(input, "ipv4"), ipv6: planOf(input, "ipv6") }),
          ...patchOf({ services: servicesOf(input) }),
        }));
        const outcomes = [];
        for (const body of bodies) {
          const { status, result } = await client.callWithStatus("createNetwork", { body });
          outcomes.push({ status, object: result });
        }
        return outcomeResult(NETWORK, outcomes, single);
      },
    },
    {
      verb: "list",
      aliases: ["ls"],
      summary: "List the networks",
      examples: ["romana network list"],
      run: async (_, context) => {
        const client = await context.client();
        return listResult(NETWORK, await listAll((query) => client.call("listNetworks", { query })));
      },
    },
    {
      verb: "show",
      summary: "Show a network",
      arguments: [{ name: "name", summary: "Name of the network", complete: "network" }],
      examples: ["romana network show main", "romana network show main -o yaml"],
      run: async (input, context) => {
        const client = await context.client();
        const params = { network: input.argument("name") };
        return showResult(NETWORK, await client.call("getNetwork", { params }));
      },
    },
    {
      verb: "update",
      summary: "Replace the topology groups of a network by those of a file, or its service prefixes",
      arguments: [{ name: "name", summary: "Name of the network", complete: "network" }],
      options: [
        { ...FILE_OPTION, summary: "Document with the new `groups`" },
        {
          name: "services",
          value: "PREFIX",
          many: true,
          summary: "All prefixes that services get their addresses from, one per family",
        },
        { name: "no-services", summary: "None: it has no services" },
        REVISION_OPTION,
      ],
      examples: [
        "romana network update main -f groups.yaml",
        "romana network update main --services 172.20.0.0/16 --services fd00:20::/112",
      ],
      run: async (input, context) => {
        const client = await context.client();
        const params = { network: input.argument("name") };
        const file = input.text("file");
        const services = input.flag("no-services") ? null : servicesOf(input);
        if (file === undefined && services === undefined)
          throw wrongInput("--file", "or --services is missing");
        const document =
          file === undefined ? {} : (readDocument(file) as BodyOf<typeof CONTRACT.updateNetwork>);
        const body = { ...document, ...patchOf({ services }) };
        const object = await client.call("updateNetwork", { params, body }, changeOptions(input));
        return outcomeResult(NETWORK, [{ object }], true);
      },
    },
    deleteCommand(
      "network",
      "network",
      DELETE_OPTIONS,
      ["romana network delete main", "romana network delete main --cascade --dry-run"],
      (client, name, input) =>
        client.call(
          "deleteNetwork",
          { params: { network: name }, query: deleteQuery(input) },
          changeOptions(input),
        ),
    ),
  ],
};

function planOf(input: Input, family: "ipv4" | "ipv6"): NetworkBody["plans"]["ipv4"] {
  const [prefix, bits] = [input.text(family), input.text(`${family}-bits`)];
  if (prefix === undefined && bits === undefined) return undefined;
  if (prefix === undefined) throw wrongInput(`--${family}`, `is missing beside --${family}-bits`);
  if (bits === undefined) throw wrongInput(`--${family}-bits`, `is missing beside --${family}`);
  return { prefix, ...planBits(`--${family}-bits`, bits) };
}

/** Service prefixes from `--services`, at most one per family; undefined when there is none. */
function servicesOf(input: Input): NetworkBody["services"] {
  const services: { ipv4?: string; ipv6?: string } = {};
  for (const text of input.list("services")) {
    const family = text.includes(":") ? "ipv6" : "ipv4";
    if (services[family] !== undefined)
      throw wrongInput("--services", `two prefixes of one family, "${text}" is the second`);
    services[family] = text;
  }
  return Object.keys(services).length === 0 ? undefined : services;
}

function describeBits(plan: AddressPlan): string {
  const levels: [string, number][] = [
    ...plan.groupLevels.map(({ name, bits }): [string, number] => [name, bits]),
    ["host", plan.hostBits],
    ["tenant", plan.tenantBits],
    ["segment", plan.segmentBits],
    ["endpoint", plan.endpointBits],
    ...(plan.strideBits > 0 ? [["stride", plan.strideBits] as [string, number]] : []),
  ];
  return levels.map(([name, bits]) => `${name}=${bits}`).join(",");
}
