import { type Preference, type Proposal, type ProposedLevel, proposePlans } from "../addressing/index.ts";
import type { Network } from "../model/index.ts";
import { parsePrefix, type Prefix } from "../net/index.ts";
import { encodeNetwork } from "../schema/index.ts";
import type { Input, Option, Result } from "./command.ts";
import { type Column, count, renderTable } from "./format.ts";
import { wrongInput } from "./input.ts";
import { shortCount } from "./plan-show.ts";
import { NUMBERING_OPTION, PREFIX_OPTION } from "./plan-source.ts";

const PREFERENCES = [
  "balanced",
  "hosts",
  "tenants",
  "segments",
  "endpoints",
] as const satisfies readonly Preference[];

/** The largest that is free for private use (RFC 1918), and the seed's. */
const DEFAULT_PREFIX = "10.0.0.0/8";

/** The options of `plan propose`. */
export const PROPOSE_OPTIONS: readonly Option[] = [
  { ...PREFIX_OPTION, summary: `Prefix to cut up, of either family; default ${DEFAULT_PREFIX}` },
  {
    name: "hosts",
    value: "NUMBER",
    kind: "integer",
    required: true,
    summary: "Hosts, in each group if there are any",
  },
  { name: "tenants", value: "NUMBER", kind: "integer", required: true, summary: "Tenants" },
  { name: "segments", value: "NUMBER", kind: "integer", required: true, summary: "Segments of each tenant" },
  {
    name: "endpoints",
    value: "NUMBER",
    kind: "integer",
    required: true,
    summary: "Endpoints of each segment on each host",
  },
  {
    name: "group",
    value: "LEVEL=NUMBER",
    many: true,
    summary: "A level of groups above the hosts and how many there are in each one above, outermost first",
  },
  {
    name: "stride",
    value: "BITS",
    kind: "integer",
    summary: "Each endpoint owns 2^BITS addresses; default 0",
  },
  NUMBERING_OPTION,
  {
    name: "choose",
    value: "PROPOSAL",
    choices: PREFERENCES,
    summary: "Print one proposal as a network document (with -o yaml or json)",
  },
  { name: "name", value: "NAME", summary: "Name of the network in that document; default `default`" },
];

/** The result of `plan propose`. @throws RomanaError `invalid-input` when nothing fits, with what is missing. */
export function propose(input: Input): Result {
  const prefix = prefixOf(input.text("prefix") ?? DEFAULT_PREFIX);
  const numbering = input.text("numbering") as "literal" | "v1" | undefined;
  const proposals = proposePlans({
    prefix,
    groups: input.list("group").map(groupOf),
    hosts: input.integer("hosts") as number,
    tenants: input.integer("tenants") as number,
    segments: input.integer("segments") as number,
    endpoints: input.integer("endpoints") as number,
    ...(numbering && { numbering }),
    strideBits: input.integer("stride") ?? 0,
  });
  const choice = input.text("choose");
  if (choice !== undefined) return chosen(proposals, choice, input.text("name") ?? "default");
  return {
    data: proposals.map(({ preference, plan, levels }) => ({
      proposal: preference,
      bits: bitsText(levels, plan.strideBits),
      levels,
    })),
    text: (screen) => renderTable(screen, columnsFor(proposals[0] as Proposal), proposals, ""),
  };
}

/** A proposal as a network; one that came out the same as another is not among them. */
function chosen(proposals: readonly Proposal[], choice: string, name: string): Result {
  const found = proposals.find(({ preference }) => preference === choice);
  if (found === undefined) {
    const others = proposals.map(({ preference }) => preference).join(", ");
    throw wrongInput("--choose", `"${choice}" is the same as one of ${others} here`);
  }
  const { plan, levels } = found;
  const network: Network = { name, plans: { [`ipv${plan.family}`]: plan }, groups: [] };
  return { data: encodeNetwork(network), text: () => bitsText(levels, plan.strideBits) };
}

/** A column for each level: its bits and what is left; wide also how many there is room for, and the factor. */
function columnsFor({ levels }: Proposal): readonly Column<Proposal>[] {
  return [
    { title: "proposal", value: ({ preference }) => preference },
    ...levels.map(
      ({ level }, index): Column<Proposal> => ({
        title: level,
        value: (proposal) => leftText(proposal.levels[index] as ProposedLevel),
      }),
    ),
    ...levels.map(
      ({ level }, index): Column<Proposal> => ({
        title: `${level} room`,
        value: (proposal) => roomText(proposal.levels[index] as ProposedLevel),
        wide: true,
      }),
    ),
  ];
}

function leftText({ bits, left }: ProposedLevel): string {
  return `${count(bits, "bit")}, ${roundCount(left)} left`;
}

function roomText({ room, factor }: ProposedLevel): string {
  return `${shortCount(room)} (${roundCount(Math.floor(factor * 10) / 10)}x)`;
}

/** A number in few digits: `999.9`, `12k`, `3.4M`, rounded down. */
function roundCount(number: number): string {
  const units = ["", "k", "M", "G"];
  let unit = 0;
  while (number >= (unit === 0 ? 100_000 : 1000) && unit < units.length - 1) {
    number /= 1000;
    unit++;
  }
  if (unit === 0) return String(number);
  return `${number < 10 ? Math.floor(number * 10) / 10 : Math.floor(number)}${units[unit]}`;
}

/** Widths as `--bits` takes them. */
function bitsText(levels: readonly ProposedLevel[], strideBits: number): string {
  const parts = levels.map(({ level, bits }) => `${level}=${bits}`);
  return [...parts, ...(strideBits > 0 ? [`stride=${strideBits}`] : [])].join(",");
}

function prefixOf(text: string): Prefix {
  try {
    return parsePrefix(text);
  } catch (error) {
    throw wrongInput("--prefix", (error as SyntaxError).message);
  }
}

function groupOf(text: string): { name: string; count: number } {
  const match = /^([^=]+)=(0|[1-9][0-9]{0,9})$/.exec(text);
  if (match === null) throw wrongInput("--group", `"${text}" is not LEVEL=NUMBER`);
  return { name: match[1] as string, count: Number(match[2]) };
}
