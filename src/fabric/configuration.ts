import { invalidInput, notFound } from "../model/index.ts";
import { type Address, createAddress, formatAddress, formatPrefix, type Prefix } from "../net/index.ts";
import type { DeviceRole, Session } from "./device-route.ts";
import type { FabricRouting } from "./fabric-routing.ts";
import { originsOf, sessionsOf } from "./sessions.ts";

/** Everything that the routing daemon of one device is told, whatever daemon it is. */
export interface DeviceConfiguration {
  readonly fabric: string;
  readonly device: string;
  readonly role: DeviceRole;
  readonly routerId: Address;
  readonly asn: number;
  /** The prefixes that begin here. */
  readonly origins: readonly Prefix[];
  /** What is marked on them. */
  readonly communities: readonly string[];
  readonly sessions: readonly Session[];
  readonly bfd?: { readonly intervalMs: number; readonly multiplier: number };
  readonly gracefulRestart: boolean;
  /** The password of all sessions (RFC 2385). */
  readonly password?: string;
}

/** Passwords by the names that fabrics use for them. */
export type Passwords = ReadonlyMap<string, string>;

/** No quotes, spaces or control characters, which configurations cannot carry; the length is Linux's. */
const PASSWORD_PATTERN = /^[!#-&(-[\]-~]{1,80}$/;

/**
 * The configuration of a device.
 * @throws RomanaError `not-found` for a device that is not there, `invalid-input` when it lacks a password or a session.
 */
export function configurationOf(
  routing: FabricRouting,
  device: string,
  passwords: Passwords = new Map(),
): DeviceConfiguration {
  const { fabric, map } = routing;
  const spine = map.spines.get(device);
  const place = map.leaves.get(device);
  const role: DeviceRole = spine ? "spine" : place ? "leaf" : "host";
  if (role === "host" && routing.rackOf(device) === undefined) {
    const [problem] = routing.problemsOf(device);
    if (problem === undefined) throw notFound("device", device);
    throw invalidInput(`configure device "${device}"`, [{ path: "", reason: problem.reason }]);
  }
  const sessions = sessionsOf(routing, device);
  if (sessions.length === 0)
    throw invalidInput(`configure device "${device}"`, [
      { path: "", reason: "it has no session with anybody" },
    ]);
  const password = passwordOf(routing, device, passwords);
  const known = spine ?? place?.leaf;
  return {
    fabric: fabric.name,
    device,
    role,
    routerId: known?.routerId ?? hostRouterId(routing, device),
    asn: known?.asn ?? fabric.hostAsn,
    origins: originsOf(routing, device),
    communities: role === "host" ? fabric.communities.host : role === "leaf" ? fabric.communities.rack : [],
    sessions,
    ...(fabric.bfd && { bfd: fabric.bfd }),
    gracefulRestart: fabric.gracefulRestart,
    ...(password !== undefined && { password }),
  };
}

function passwordOf({ fabric }: FabricRouting, device: string, passwords: Passwords): string | undefined {
  const name = fabric.passwordName;
  if (name === undefined) return undefined;
  const refuse = (reason: string) =>
    invalidInput(`configure device "${device}"`, [{ path: "passwordName", reason }]);
  const password = passwords.get(name);
  if (password === undefined) throw refuse(`the password "${name}" is not given`);
  if (!PASSWORD_PATTERN.test(password))
    throw refuse(
      `the password "${name}" is not 1 to 80 printable ASCII characters without spaces, quotes and backslashes`,
    );
  return password;
}

/** The IPv4 underlay address; without one, the number that the host's prefix has in its plan, which is its own too. */
function hostRouterId(routing: FabricRouting, device: string): Address {
  const own = routing.rackOf(device)?.hosts.find(({ host }) => host.name === device);
  if (own?.host.underlay.ipv4 !== undefined) return own.host.underlay.ipv4;
  for (const [index, { plan }] of routing.parts.entries()) {
    const prefix = own?.prefixes[index];
    if (prefix === undefined) continue;
    const bits = BigInt((plan.family === 4 ? 32 : 128) - prefix.length);
    return createAddress(4, BigInt.asUintN(32, ((prefix.value - plan.prefix.value) >> bits) + 1n));
  }
  throw notFound("router ID of host", device);
}

/** Names of communities as numbers: two of a standard one, three of a large one. */
export function communityNumbers(community: string): readonly number[] {
  return community.split(":").map(Number);
}

/** What a session is called in configurations: unique on a device, and short enough for every daemon. */
export function sessionName({ peerAddress }: Pick<Session, "peerAddress">): string {
  return formatAddress(peerAddress).replaceAll(/[.:]/g, "_");
}

/** The configuration as plain data for other vendors' tools. */
export function configurationData(configuration: DeviceConfiguration): object {
  const { routerId, origins, sessions, communities, ...rest } = configuration;
  const filter = ({ refuse, accept }: Session["imports"]): object => ({
    refuse: refuse.map(formatPrefix),
    accept: accept.map(({ inside, minLength, maxLength }) => ({
      inside: formatPrefix(inside),
      minLength,
      maxLength,
    })),
  });
  return {
    ...rest,
    routerId: formatAddress(routerId),
    origins: origins.map(formatPrefix),
    communities: [...communities],
    sessions: sessions.map(({ localAddress, peerAddress, imports, exports, ...session }) => ({
      ...session,
      localAddress: formatAddress(localAddress),
      peerAddress: formatAddress(peerAddress),
      imports: filter(imports),
      exports: filter(exports),
    })),
  };
}
