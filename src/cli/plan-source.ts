import type { AddressPlan, Network } from "../model/index.ts";
import type { Family } from "../net/index.ts";
import { decodeNetwork } from "../schema/index.ts";
import type { Context, Input, Option } from "./command.ts";
import { readDocument } from "./documents.ts";
import { wrongInput } from "./input.ts";
import { planBits } from "./words.ts";

/** What an option of `romana plan` says a prefix to cut up is. */
export const PREFIX_OPTION: Option = {
  name: "prefix",
  value: "PREFIX",
  summary: "Prefix of the plan, such as 10.0.0.0/8 or fd00:1234:5678::/48",
};

/** How IDs become bits. */
export const NUMBERING_OPTION: Option = {
  name: "numbering",
  value: "WORD",
  choices: ["literal", "v1"],
  summary: "How IDs become bits: as they are, or as the original system did",
};

/** The options that say which plan a command is about. */
export const PLAN_OPTIONS: readonly Option[] = [
  {
    name: "plan",
    value: "FILE",
    summary: "Network document with the plan; without any of these options it is the seed's plan",
    complete: "file",
  },
  {
    name: "network",
    value: "NETWORK",
    summary: "The plan of this network of romanad",
    complete: "network",
  },
  PREFIX_OPTION,
  {
    name: "bits",
    value: "BITS",
    summary: "Widths of the levels behind the prefix: zone=2,host=6,tenant=8,segment=4,endpoint=4",
  },
  NUMBERING_OPTION,
];

/** The seed's plan, which is shown when nothing else is said. */
const SEED = {
  name: "seed",
  plans: { ipv4: { prefix: "10.0.0.0/8", hostBits: 8, tenantBits: 8, segmentBits: 4, endpointBits: 4 } },
};

/**
 * The network that the options describe: of a file, of romanad, of flags, or the seed's.
 * @throws RomanaError `invalid-input` when they contradict each other or describe no plan.
 */
export async function networkOf(input: Input, context: Context): Promise<Network> {
  const [file, name, prefix, bits] = ["plan", "network", "prefix", "bits"].map((option) =>
    input.text(option),
  );
  const numbering = input.text(NUMBERING_OPTION.name);
  const given = [
    ...(file === undefined ? [] : ["--plan"]),
    ...(name === undefined ? [] : ["--network"]),
    ...(prefix === undefined && bits === undefined && numbering === undefined ? [] : ["--prefix"]),
  ];
  if (given.length > 1) throw wrongInput(given[1] as string, `cannot be used together with ${given[0]}`);
  if (file !== undefined) return decodeNetwork(readDocument(file));
  if (name !== undefined) {
    const client = await context.client();
    return client.call("getNetwork", { params: { network: name } });
  }
  if (given.length === 0) return decodeNetwork(SEED);
  if (prefix === undefined) throw wrongInput("--prefix", "is missing beside --bits and --numbering");
  if (bits === undefined) throw wrongInput("--bits", "is missing beside --prefix");
  const family = prefix.includes(":") ? "ipv6" : "ipv4";
  return decodeNetwork({
    name: "plan",
    ...(numbering !== undefined && { numbering }),
    plans: { [family]: { prefix, ...planBits("--bits", bits) } },
  });
}

/** The plan of one family of a network, if it has one. */
export function planOfFamily(network: Network, family: Family): AddressPlan | undefined {
  return network.plans[`ipv${family}`];
}

/** What is different for each plan of a network, by family as in JSON. */
export function byFamily<T>(network: Network, of: (plan: AddressPlan) => T): { ipv4?: T; ipv6?: T } {
  const { ipv4, ipv6 } = network.plans;
  return { ...(ipv4 && { ipv4: of(ipv4) }), ...(ipv6 && { ipv6: of(ipv6) }) };
}
