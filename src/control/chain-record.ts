import type { Chain, ChainEnd, ChainFunction } from "../model/index.ts";
import { formatPrefix, parsePrefix } from "../net/index.ts";
import { healthJson } from "./service-record.ts";

/** A chain as JSON data: the way it looks outside, too. */
export function chainJson(chain: Chain): object {
  const { name, network, from, to, through, direction, places, externalId } = chain;
  return {
    name,
    network,
    from: fromJson(from),
    to: to.kind === "service" ? { service: to.service } : { tenant: to.tenant, segment: to.segment },
    through: through.map(functionJson),
    direction,
    places: { forward: places.forward, reverse: places.reverse },
    externalId,
  };
}

/** The value of a chain's key. */
export function encodeChainRecord(chain: Chain): string {
  return JSON.stringify(chainJson(chain));
}

interface ChainJson
  extends Pick<Chain, "name" | "network" | "through" | "direction" | "places" | "externalId"> {
  readonly from: { tenant?: string; segment?: string; cidr?: string; any?: boolean };
  readonly to: { tenant?: string; segment?: string; service?: string };
}

/** Reads what {@link encodeChainRecord} writes. @throws Error of any kind when it is damaged. */
export function decodeChainRecord(text: string): Chain {
  const { name, network, from, to, through, direction, places, externalId } = JSON.parse(text) as ChainJson;
  if (direction !== "both" && direction !== "forward") throw new SyntaxError("the direction is missing");
  const { forward, reverse } = places;
  return {
    name: textOf(name),
    network: textOf(network),
    from: readFrom(from),
    to:
      to.service === undefined
        ? { kind: "segment", tenant: textOf(to.tenant), segment: textOf(to.segment) }
        : { kind: "service", service: to.service },
    through: through.map(readFunction),
    direction,
    places: {
      forward: forward.map(numberOf),
      ...(reverse !== undefined && { reverse: reverse.map(numberOf) }),
    },
    ...(externalId !== undefined && { externalId }),
  };
}

function fromJson(end: ChainEnd): object {
  if (end.kind === "cidr") return { cidr: formatPrefix(end.prefix) };
  if (end.kind === "any") return { any: true };
  return { tenant: end.tenant, ...(end.kind === "segment" && { segment: end.segment }) };
}

function readFrom({ tenant, segment, cidr, any }: ChainJson["from"]): ChainEnd {
  if (any === true) return { kind: "any" };
  if (cidr !== undefined) return { kind: "cidr", prefix: parsePrefix(cidr) };
  if (segment === undefined) return { kind: "tenant", tenant: textOf(tenant) };
  return { kind: "segment", tenant: textOf(tenant), segment };
}

function functionJson({ tenant, segment, fail, health }: ChainFunction): object {
  return { tenant, segment, fail, health: health && healthJson(health) };
}

function readFunction({ tenant, segment, fail, health }: ChainFunction): ChainFunction {
  if (fail !== "open" && fail !== "closed") throw new SyntaxError("a way to fail is missing");
  return { tenant: textOf(tenant), segment: textOf(segment), fail, ...(health !== undefined && { health }) };
}

function textOf(value: unknown): string {
  if (typeof value !== "string" || value === "") throw new SyntaxError("text is missing");
  return value;
}

function numberOf(value: unknown): number {
  if (typeof value !== "number") throw new SyntaxError("a number is missing");
  return value;
}
