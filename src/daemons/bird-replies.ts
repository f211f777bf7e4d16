import { type Address, formatPrefix, type Prefix, parseAddress, parsePrefix } from "../net/index.ts";
import type { DaemonRoute, DaemonSession } from "./routing-daemon.ts";

/** A protocol as BIRD has it, such as `kernel4` of the kind `Kernel`; those of the kind `BGP` are sessions. */
export interface BirdProtocol {
  readonly name: string;
  readonly kind: string;
  readonly session?: DaemonSession;
}

/** Reads what BIRD 2 answers to `show protocols all`. */
export function parseBirdProtocols(text: string): readonly BirdProtocol[] {
  const blocks = text.split(/\n(?=\S)/).slice(1);
  return blocks.flatMap((block): BirdProtocol[] => {
    const [, name, kind] = /^(\S+)\s+(\S+)/.exec(block) ?? [];
    if (name === undefined || kind === undefined || name === "Name") return [];
    const peer = /^ +Neighbor address: ([0-9a-f.:]+)/m.exec(block)?.[1];
    if (kind !== "BGP" || peer === undefined) return [{ name, kind }];
    const isEstablished = /^ +BGP state: +Established$/m.test(block);
    return [{ name, kind, session: { peer: parseAddress(peer), isEstablished } }];
  });
}

/** Reads what BIRD 2 answers to `show route`: lines with a destination, and lines with more ways to the last one. */
export function parseBirdRoutes(text: string): readonly DaemonRoute[] {
  const found = new Map<string, { destination: Prefix; gateways: Address[] }>();
  let last: { destination: Prefix; gateways: Address[] } | undefined;
  for (const line of text.split("\n")) {
    const destination = /^([0-9a-f.:]+\/\d+)\s/.exec(line)?.[1];
    if (destination !== undefined) {
      const prefix = parsePrefix(destination);
      last = found.get(formatPrefix(prefix)) ?? { destination: prefix, gateways: [] };
      found.set(formatPrefix(prefix), last);
    }
    const gateway = /^\s+via ([0-9a-f.:]+) on /.exec(line)?.[1];
    if (gateway !== undefined) last?.gateways.push(parseAddress(gateway));
  }
  return [...found.values()];
}
