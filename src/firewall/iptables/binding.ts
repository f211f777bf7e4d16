import { invalidInput } from "../../model/index.ts";
import { type Family, formatPrefix, type Prefix, prefixContainsPrefix } from "../../net/index.ts";
import { type FirewallInput, ownPrefixes } from "../input.ts";
import { interfaceName } from "./machine-questions.ts";
import { formatNet, formatPattern, prefixPattern } from "./pattern.ts";
import type { SetBook } from "./set-book.ts";

/** The kernel takes one prefix with no more devices than this in one set of type `hash:net,iface`. */
const MOST_DEVICES = 64;

/** Words that match packets by the devices and addresses of own endpoints. */
export interface BindingWords {
  /** The source is one that the device may not send from. */
  readonly unbound: string;
  /** Came from the device of an own endpoint; one of them holds. */
  readonly fromDevice: readonly string[];
  /** To, or from, the address of an own endpoint; one of them holds. */
  readonly to: readonly string[];
  readonly from: readonly string[];
}

/**
 * Which sources are bound to which devices, as sets. Pinned blocks, which lie in no prefix of this host, count as own.
 * @throws RomanaError `invalid-input` when a device owns part of a prefix that holds more than endpoints of this host,
 * or has a name that iptables would not take as it is.
 */
export function bindingWords(input: FirewallInput, family: Family, sets: SetBook): BindingWords {
  const own = ownPrefixes(input, family).map(({ prefix }) => prefix);
  const bound = input.devices
    .filter(({ index }) => index !== undefined)
    .flatMap(({ name, owns }) =>
      owns.filter((block) => block.family === family).map((block) => ({ name: interfaceName(name), block })),
    );
  for (const { name, block } of bound) refuseBroad(own, name, block);
  const pinned = input.devices
    .flatMap(({ owns }) => owns)
    .filter((block) => block.family === family && !own.some((prefix) => prefixContainsPrefix(prefix, block)))
    .map(formatNet);
  const side = (flag: "-s" | "-d", where: "src" | "dst"): readonly string[] => [
    ...own.map((prefix) => `${flag} ${formatPattern(prefixPattern(prefix))}`),
    ...(pinned.length === 0 ? [] : [`-m set --match-set ${sets.nameOf("hash:net", pinned)} ${where}`]),
  ];
  const boundSet = sets.nameOf(
    "hash:net,iface",
    bound.map(({ name, block }) => `${formatNet(block)},${name}`),
  );
  return {
    unbound: `-m set ! --match-set ${boundSet} src,src`,
    fromDevice: deviceSets(input, family, sets).map((set) => `-m set --match-set ${set} src,src`),
    from: side("-s", "src"),
    to: side("-d", "dst"),
  };
}

function refuseBroad(own: readonly Prefix[], name: string, block: Prefix): void {
  if (!own.some((prefix) => prefixContainsPrefix(block, prefix))) return;
  const reason = `${formatPrefix(block)} holds a whole prefix of this host`;
  throw invalidInput(`bind device "${name}"`, [{ path: "owns", reason }]);
}

/** Sets of all devices of own endpoints, with any source. */
function deviceSets({ devices }: FirewallInput, family: Family, sets: SetBook): readonly string[] {
  const everything = family === 4 ? "0.0.0.0/0" : "::/0";
  const names = devices.map(({ name }) => interfaceName(name)).sort();
  return Array.from({ length: Math.ceil(names.length / MOST_DEVICES) }, (_, index) => {
    const chunk = names.slice(index * MOST_DEVICES, (index + 1) * MOST_DEVICES);
    return sets.nameOf(
      "hash:net,iface",
      chunk.map((name) => `${everything},${name}`),
    );
  });
}
