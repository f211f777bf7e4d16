import { type PlanRow, planTable } from "../addressing/index.ts";
import { type AddressPlan, type Network, plansOf } from "../model/index.ts";
import { addressBits, formatAddress, formatPrefix, type Prefix } from "../net/index.ts";
import type { Result } from "./command.ts";
import { type Column, renderTable, type Screen } from "./format.ts";
import { byFamily } from "./plan-source.ts";

/** Counts from here on are printed as powers of two where they are some. */
const LONG_COUNT = 2 ** 31;

const COLUMNS: readonly Column<PlanRow>[] = [
  { title: "level", value: ({ level }) => level },
  { title: "bits", value: ({ bits }) => bits, align: "right" },
  { title: "length", value: ({ prefixLength }) => `/${prefixLength}`, align: "right" },
  { title: "mask", value: ({ mask }) => mask },
  { title: "netmask", value: ({ netmask }) => netmask, wide: true },
  { title: "IDs", value: ({ ids }) => ids && `${ids.first}..${ids.last}` },
  { title: "count", value: ({ count }) => shortCount(count), align: "right" },
  { title: "example", value: (row) => exampleText(row) },
];

/** The result of `plan show`: a table for each plan of the network. */
export function showPlans(network: Network): Result {
  return {
    data: { network: network.name, plans: byFamily(network, planData) },
    text: (screen) =>
      plansOf(network)
        .map((plan) => `${titleOf(plan, screen)}\n${renderTable(screen, COLUMNS, planTable(plan), "")}`)
        .join("\n\n"),
  };
}

/** A number of IDs or addresses, short where it is long: `255`, `2^64`, `2^32-1`. */
export function shortCount(count: number): string {
  if (count < LONG_COUNT) return String(count);
  for (const less of [0, 1, 2, 3]) {
    const power = Math.log2(count + less);
    if (Number.isInteger(power)) return `2^${power}${less === 0 ? "" : `-${less}`}`;
  }
  return String(count);
}

/** A prefix as people write it: without a length when it is one address. */
export function shortPrefix(prefix: Prefix): string {
  return prefix.length === addressBits(prefix.family) ? formatAddress(prefix) : formatPrefix(prefix);
}

function titleOf(plan: AddressPlan, screen: Screen): string {
  const title = `IPv${plan.family} ${formatPrefix(plan.prefix)}, ${plan.numbering} numbering`;
  return screen.paint("strong", title);
}

function exampleText({ example: { id, prefix } }: PlanRow): string {
  const text = shortPrefix(prefix);
  return id === undefined ? text : `${id} = ${text}`;
}

function planData(plan: AddressPlan): unknown {
  return {
    prefix: formatPrefix(plan.prefix),
    numbering: plan.numbering,
    reservedEndpoints: plan.reservedEndpoints,
    levels: planTable(plan).map((row) => ({
      ...row,
      example: { ...row.example, prefix: formatPrefix(row.example.prefix) },
    })),
  };
}
