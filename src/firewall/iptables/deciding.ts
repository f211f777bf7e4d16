import { type Prefix, prefixMask } from "../../net/index.ts";
import type { RuleReference } from "../../rules/index.ts";
import { formatNet } from "./pattern.ts";

/** An element of a set as a clause asks for it, with the rule that the clause counts for. */
export interface AskedElement {
  readonly net: Prefix;
  /** As in elements of `hash:net,port`; absent in other sets. */
  readonly port?: string;
  readonly by?: RuleReference;
}

/** The element as ipset takes it. */
export function elementText({ net, port }: AskedElement): string {
  return port === undefined ? formatNet(net) : `${formatNet(net)},${port}`;
}

/**
 * The rule that each element counts for, by its text: that of the first one that matches all of the element's packets.
 * The kernel counts for the smallest prefix around an address, while the rule that decides may be about a larger one.
 */
export function decidingRules(asked: readonly AskedElement[]): ReadonlyMap<string, RuleReference> {
  const first = new Map<string, { readonly place: number; readonly by: RuleReference | undefined }>();
  for (const [place, { net, port, by }] of asked.entries()) {
    const key = keyOf(net, port);
    if (!first.has(key)) first.set(key, { place, by });
  }
  const lengths = [...new Set(asked.map(({ net }) => net.length))];
  const deciding = new Map<string, RuleReference>();
  for (const element of asked) {
    const text = elementText(element);
    if (deciding.has(text)) continue;
    const around = lengths
      .filter((length) => length <= element.net.length)
      .flatMap((length) => first.get(keyOf(widened(element.net, length), element.port)) ?? []);
    const [decider] = around.sort((a, b) => a.place - b.place);
    if (decider?.by !== undefined) deciding.set(text, decider.by);
  }
  return deciding;
}

function widened({ family, value }: Prefix, length: number): Prefix {
  return { family, value: value & prefixMask(family, length), length };
}

function keyOf(net: Prefix, port = ""): string {
  return `${net.value.toString(36)}/${net.length} ${port}`;
}
