import type { Chain, ChainEnd } from "../model/index.ts";
import { type Address, parseAddress, parsePrefix } from "../net/index.ts";
import { PARTIES, type PartyName } from "./case-world.case.ts";

/** An end from its text: `any`, `TENANT`, `TENANT/SEGMENT` or a prefix. */
export function end(text: string): ChainEnd {
  if (text === "any") return { kind: "any" };
  if (/^[0-9a-f:.]+\/[0-9]+$/.test(text)) return { kind: "cidr", prefix: parsePrefix(text) };
  return text.includes("/") ? target(text) : { kind: "tenant", tenant: text };
}

/** A segment from `TENANT/SEGMENT`. */
export function target(text: string): Extract<ChainEnd, { kind: "segment" }> {
  const [tenant = "", segment = ""] = text.split("/");
  return { kind: "segment", tenant, segment };
}

/** A chain of the network `default` through `plain/web`, or through the functions that are given. */
export function chain(name: string, from: ChainEnd, to: Chain["to"], ...through: string[]): Chain {
  const steps = through.length === 0 ? ["plain/web"] : through;
  return {
    name,
    network: "default",
    from,
    to,
    through: steps.map((text) => {
      const { tenant, segment } = target(text);
      return { tenant, segment, fail: "closed" };
    }),
    direction: "forward",
    places: { forward: Array.from({ length: steps.length + 1 }, (_, index) => index + 1) },
  };
}

/** An address of a party of the cases. */
export function addressOf(party: PartyName, family: 4 | 6): Address {
  return parseAddress(PARTIES[party][family === 4 ? 0 : 1]);
}
