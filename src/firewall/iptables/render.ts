import type { Family } from "../../net/index.ts";
import type { CounterValue } from "../nft.ts";
import { countedChains } from "./counted.ts";
import { dropReason } from "./drop-chains.ts";
import type { Base } from "./endpoint-questions.ts";
import { filterChains } from "./filter-chains.ts";
import type {
  CountedRules,
  IptablesChain,
  IptablesInput,
  IptablesState,
  IptablesTexts,
  SavedRules,
} from "./input.ts";
import { formatNet } from "./pattern.ts";
import { rawChains } from "./raw-chains.ts";
import { SetBook } from "./set-book.ts";

/** Built-in chains, each with the chain of ours that it jumps to. */
const JUMPS = [
  { table: "raw", from: "PREROUTING", to: "ROMANA-PREROUTING" },
  { table: "raw", from: "OUTPUT", to: "ROMANA-RAW-OUTPUT" },
  { table: "filter", from: "FORWARD", to: "ROMANA-FORWARD" },
  { table: "filter", from: "INPUT", to: "ROMANA-INPUT" },
  { table: "filter", from: "OUTPUT", to: "ROMANA-OUTPUT" },
] as const;

type TableName = (typeof JUMPS)[number]["table"];

/**
 * The same rules as the nft table, for hosts without nftables.
 *
 * First the sets: those of the generation that no live rule looks into are made anew, so that nothing changes yet. Then
 * the rules of each family, one transaction per table: our chains are replaced (`--noflush` empties only chains that the
 * text declares), all else stays, with its counters. One text cannot say "jump unless it does already", and deleting
 * what is not there refuses the whole of it. So the text says how many jumps it found ({@link readSavedRules}), deletes
 * these, and puts one in front; if somebody took one away meanwhile, nothing changes and the caller looks again.
 * Drops are counted on from what was saved; only `ip6tables-nft-restore` 1.8.9 begins at zero whatever it is told.
 * @throws RomanaError `invalid-input` for what iptables cannot say: nothing is left out.
 */
export function renderIptables(input: IptablesInput, state: IptablesState): IptablesTexts {
  const ipv4 = renderFamily(input, 4, state);
  const ipv6 = renderFamily(input, 6, state);
  return {
    ipset4: ipv4.sets,
    ipset6: ipv6.sets,
    iptables: ipv4.rules,
    ip6tables: ipv6.rules,
    counted: { 4: ipv4.counted, 6: ipv6.counted },
  };
}

function renderFamily(
  input: IptablesInput,
  family: Family,
  state: IptablesState,
): { readonly sets: string; readonly rules: string; readonly counted: CountedRules } {
  const exceptions = input.rules.exceptions.filter((block) => block.family === family).map(formatNet);
  const base: Base = { family, sets: new SetBook(family, state.generation), exceptions };
  const saved = state.saved[family];
  const raw = tableText("raw", rawChains(input, base), saved);
  const filter = filterChains(input, base, saved);
  return {
    sets: base.sets.text(),
    rules: raw + tableText("filter", filter, saved),
    counted: { sets: base.sets.counted, chains: countedChains(filter) },
  };
}

function tableText(table: TableName, made: readonly IptablesChain[], { jumps, chains }: SavedRules): string {
  const hooks = JUMPS.filter((jump) => jump.table === table);
  const stale = (chains.get(table) ?? []).filter((name) => !made.some((chain) => chain.name === name));
  const lines = [
    `*${table}`,
    ...[...made.map(({ name }) => name), ...stale].map((name) => `:${name} - [0:0]`),
    ...made.flatMap(({ name, rules }) =>
      rules.map(({ text, counter }) => {
        const count = counter === undefined ? "" : `[${counter.packets}:${counter.bytes}] `;
        return `${count}-A ${name} ${text}`;
      }),
    ),
    ...hooks.flatMap(({ from, to }) => [
      ...Array.from({ length: jumps.get(`${table} ${from}`) ?? 0 }, () => `-D ${from} -j ${to}`),
      ...(made.some(({ name }) => name === to) ? [`-I ${from} 1 -j ${to}`] : []),
    ]),
    ...stale.map((name) => `-X ${name}`),
    "COMMIT",
  ];
  return lines.map((line) => `${line}\n`).join("");
}

/** Takes all of ours out of the tables of one family; afterwards no set is looked into. */
export function renderIptablesRemoval(saved: SavedRules): string {
  return (["raw", "filter"] as const).map((table) => tableText(table, [], saved)).join("");
}

/** Reads what `iptables-save --counters` (or that of IPv6) says of our chains; all else is not looked at. */
export function readSavedRules(text: string): SavedRules {
  const jumps = new Map<string, number>();
  const chains = new Map<string, string[]>();
  const drops = new Map<string, CounterValue>();
  let table = "";
  for (const line of text.split("\n")) {
    if (line.startsWith("*")) table = line.slice(1);
    const declared = /^:(ROMANA-\S+) /.exec(line)?.[1];
    if (declared !== undefined) chains.set(table, [...(chains.get(table) ?? []), declared]);
    const [, packets, bytes, chain = "", rest = ""] = /^(?:\[(\d+):(\d+)\] )?-A (\S+) (.*)$/.exec(line) ?? [];
    const isOurs = JUMPS.some(
      ({ table: of, from, to }) => of === table && from === chain && rest === `-j ${to}`,
    );
    if (isOurs) jumps.set(`${table} ${chain}`, (jumps.get(`${table} ${chain}`) ?? 0) + 1);
    const reason = dropReason(chain);
    if (reason !== undefined && rest === "-j DROP") {
      drops.set(reason, { packets: Number(packets ?? 0), bytes: Number(bytes ?? 0) });
    }
  }
  return { jumps, chains, drops };
}
