import { badConfiguration, CNI_CODE, CniError } from "./cni-error.ts";
import { isObject, isTexts, isUnset, type JsonObject } from "./json-value.ts";
import { parseResult, type Result } from "./result.ts";
import { type CniVersion, isSupported, NEWEST_VERSION, SUPPORTED_VERSIONS } from "./versions.ts";

/** The configuration of one call, as far as every operation needs it. */
export interface Configuration {
  readonly version: CniVersion;
  /** Name of the network. */
  readonly name: string;
  /** The agent's socket. */
  readonly socket: string;
  /** What came before, from a plugin of the chain or from an earlier ADD. */
  readonly previous: Result | undefined;
  /** All of it, as it came. */
  readonly json: JsonObject;
}

const DEFAULT_SOCKET = "/run/romana/agent.sock";
const NETWORK_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;
/** What a Linux socket address holds. */
const MAX_SOCKET_PATH = 107;

/** The JSON object on standard input. @throws CniError code 6 */
export function parseInput(text: string): JsonObject {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw undecodable((error as Error).message);
  }
  if (!isObject(json)) throw undecodable("it is no JSON object");
  return json;
}

/** The version that the configuration is written in. @throws CniError code 1 when the plugin does not speak it. */
export function readVersion({ cniVersion }: JsonObject): CniVersion {
  if (isSupported(cniVersion)) return cniVersion;
  const found = cniVersion === undefined ? "no version" : JSON.stringify(cniVersion);
  throw new CniError(
    CNI_CODE.incompatibleVersion,
    "Incompatible CNI version",
    `the configuration has ${found}; the plugin speaks ${SUPPORTED_VERSIONS.join(", ")}`,
  );
}

/** The version for error objects: the configuration's, where the plugin speaks it. */
export function versionOf({ cniVersion }: JsonObject): CniVersion {
  return isSupported(cniVersion) ? cniVersion : NEWEST_VERSION;
}

/** Reads what every operation but VERSION needs. @throws CniError code 1 or 7 */
export function readConfiguration(json: JsonObject): Configuration {
  const version = readVersion(json);
  const { name, socket = DEFAULT_SOCKET, prevResult } = json;
  if (typeof name !== "string" || !NETWORK_NAME.test(name)) {
    throw badConfiguration(
      `name is ${JSON.stringify(name)}, but it begins with a letter or digit, and goes on with these, "_", "." and "-"`,
    );
  }
  if (typeof socket !== "string" || !/^\/[^\0]+$/.test(socket) || socket.length > MAX_SOCKET_PATH) {
    throw badConfiguration(
      `socket is ${JSON.stringify(socket)}, but it is an absolute path of at most ${MAX_SOCKET_PATH} characters`,
    );
  }
  const previous = isUnset(prevResult) ? undefined : parseResult(prevResult);
  return { version, name, socket, previous, json };
}

/** What an endpoint shall be when the runtime says no workload, and how its interface is made. */
export interface Wishes {
  readonly network?: string;
  readonly tenant?: string;
  readonly segment?: string;
  readonly mtu?: number;
  /** Addresses that are wanted, without lengths. */
  readonly ips: readonly string[];
  readonly mac?: string;
  readonly dns: JsonObject | undefined;
}

/** Keys of the specification that say nothing to the plugin, or are read elsewhere. */
const PASSIVE_KEYS = [
  "cniVersion",
  "cniVersions",
  "name",
  "type",
  "capabilities",
  "prevResult",
  "socket",
  "disableCheck",
  "disableGC",
  "loadOnlyInlinedPlugins",
];

type Reader = (value: unknown) => string | undefined;

const text: Reader = (value) => (typeof value === "string" && value !== "" ? undefined : "is no text");
const object: Reader = (value) => (isObject(value) ? undefined : "is no object");

/** Own keys and those that ADD reads, with what may be wrong about their values. */
const READERS: Readonly<Record<string, Reader>> = {
  network: text,
  tenant: text,
  segment: text,
  mtu: (value) =>
    typeof value === "number" && Number.isInteger(value) && value >= 1280 && value <= 65535
      ? undefined
      : "is no whole number from 1280 to 65535",
  dns: object,
  args: object,
  runtimeConfig: object,
};

/** Capabilities that change an interface in ways that the plugin does not. */
const REFUSED_CAPABILITIES = ["bandwidth", "ipRanges", "infinibandGUID", "deviceID"];

/**
 * Reads what ADD needs. A key that asks for something the plugin does not do is refused, so that nobody believes it done.
 * @throws CniError code 2 or 7
 */
export function readWishes({ json }: Configuration): Wishes {
  for (const [key, value] of Object.entries(json)) {
    const reader = Object.prototype.hasOwnProperty.call(READERS, key) ? READERS[key] : undefined;
    const fault = isUnset(value) ? undefined : reader?.(value);
    if (fault !== undefined) throw badConfiguration(`${key} ${fault}: ${JSON.stringify(value)}`);
    if (reader !== undefined || PASSIVE_KEYS.includes(key) || key.startsWith("cni.dev/")) continue;
    if (!isUnset(value)) throw unsupportedKey(key, value);
  }
  const runtime = isObject(json["runtimeConfig"]) ? json["runtimeConfig"] : {};
  for (const key of REFUSED_CAPABILITIES) {
    if (!isUnset(runtime[key])) throw unsupportedKey(`runtimeConfig.${key}`, runtime[key]);
  }
  const { network, tenant, segment, mtu, dns } = json;
  const mac = runtime["mac"];
  if (!isUnset(mac) && typeof mac !== "string") throw badConfiguration("runtimeConfig.mac is no text");
  return {
    ...(typeof network === "string" && network !== "" && { network }),
    ...(typeof tenant === "string" && tenant !== "" && { tenant }),
    ...(typeof segment === "string" && segment !== "" && { segment }),
    ...(typeof mtu === "number" && { mtu }),
    ...(typeof mac === "string" && mac !== "" && { mac }),
    ips: wantedAddresses(json, runtime),
    dns: isObject(dns) && !isUnset(dns) ? dns : undefined,
  };
}

/** Those of the capability, or else of the older convention `args`. */
function wantedAddresses(json: JsonObject, runtime: JsonObject): readonly string[] {
  const args = isObject(json["args"]) ? json["args"]["cni"] : undefined;
  const older = isObject(args) ? args["ips"] : undefined;
  const [key, ips] = isUnset(runtime["ips"])
    ? ["args.cni.ips", older]
    : ["runtimeConfig.ips", runtime["ips"]];
  if (isUnset(ips)) return [];
  if (!isTexts(ips)) throw badConfiguration(`${key} is no list of addresses: ${JSON.stringify(ips)}`);
  return ips.map(withoutLength);
}

/** An address without its prefix length. */
export function withoutLength(address: string): string {
  return address.split("/")[0] as string;
}

function unsupportedKey(key: string, value: unknown): CniError {
  const shown = `${key} = ${JSON.stringify(value)}`;
  return new CniError(CNI_CODE.unsupportedField, `Unsupported field in network configuration: ${shown}`);
}

function undecodable(details: string): CniError {
  return new CniError(CNI_CODE.undecodable, "Cannot decode the network configuration", details);
}
