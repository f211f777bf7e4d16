import type { Attachment } from "./agent-calls.ts";
import { badConfiguration } from "./cni-error.ts";
import { isObject, isUnset, type JsonObject } from "./json-value.ts";
import { type CniVersion, isSince } from "./versions.ts";

/** A result of the specification, section "Result Types"; items are kept as they came. */
export interface Result {
  readonly interfaces: readonly JsonObject[];
  readonly ips: readonly JsonObject[];
  readonly routes: readonly JsonObject[];
  readonly dns: JsonObject | undefined;
}

/** Reads a `prevResult`. @throws CniError code 7 */
export function parseResult(value: unknown): Result {
  if (!isObject(value)) throw badConfiguration("prevResult is no object");
  const list = (key: string): readonly JsonObject[] => {
    const items = value[key];
    if (isUnset(items)) return [];
    if (Array.isArray(items) && items.every(isObject)) return items;
    throw badConfiguration(`prevResult.${key} is no list of objects`);
  };
  const { dns } = value;
  return {
    interfaces: list("interfaces"),
    ips: list("ips"),
    routes: list("routes"),
    dns: isObject(dns) && !isUnset(dns) ? dns : undefined,
  };
}

/** Where an attachment is in the container. */
export interface Place {
  readonly netns: string;
  readonly interfaceName: string;
}

/**
 * The result of an ADD: what came before, and behind it the attachment. The DNS settings are those of before, or else
 * those of the configuration.
 */
export function createResult(
  version: CniVersion,
  { device, mac, mtu, endpoint, gateways }: Attachment,
  { netns, interfaceName }: Place,
  previous: Result | undefined,
  dns: JsonObject | undefined,
): JsonObject {
  const before = previous ?? { interfaces: [], ips: [], routes: [], dns: undefined };
  const size = isSince(version, "1.1.0") ? { mtu } : {};
  const index = before.interfaces.length + 1;
  const families = [
    { family: "4", address: endpoint.addresses.ipv4, gateway: gateways.ipv4, length: 32, any: "0.0.0.0/0" },
    { family: "6", address: endpoint.addresses.ipv6, gateway: gateways.ipv6, length: 128, any: "::/0" },
  ].filter(({ address }) => address !== undefined);
  return {
    cniVersion: version,
    interfaces: [
      ...before.interfaces,
      { name: device, ...size },
      { name: interfaceName, ...(mac !== undefined && { mac }), ...size, sandbox: netns },
    ],
    ips: [
      ...before.ips,
      ...families.map(({ family, address, gateway, length }) => ({
        ...(!isSince(version, "1.0.0") && { version: family }),
        interface: index,
        address: `${address}/${length}`,
        gateway,
      })),
    ],
    routes: [...before.routes, ...families.map(({ gateway, any }) => ({ dst: any, gw: gateway }))],
    dns: before.dns ?? dns ?? {},
  };
}

/** Destinations of the routes that an attach makes. */
const OWN_ROUTES = ["0.0.0.0/0", "::/0"];

/** What a result says about an interface in the container. */
export interface Expectation {
  /** Its addresses with lengths. */
  readonly addresses: readonly string[];
  /** Those of the destinations that an attach makes which are still in the result. */
  readonly routes: readonly string[];
}

/** What to look for in the container. @throws CniError code 7 when the result does not know the interface. */
export function expectationOf({ interfaces, ips, routes }: Result, place: Place): Expectation {
  const index = interfaces.findIndex(
    ({ name, sandbox }) => name === place.interfaceName && sandbox === place.netns,
  );
  if (index < 0) {
    throw badConfiguration(`prevResult has no interface "${place.interfaceName}" in ${place.netns}`);
  }
  return {
    addresses: texts(ips.filter((ip) => ip["interface"] === index).map(({ address }) => address)),
    routes: texts(routes.map(({ dst }) => dst)).filter((dst) => OWN_ROUTES.includes(dst)),
  };
}

function texts(values: readonly unknown[]): readonly string[] {
  return values.filter((value): value is string => typeof value === "string");
}
