import { formatAddress, formatPrefix } from "../net/index.ts";
import { communityNumbers, type DeviceConfiguration, sessionName } from "./configuration.ts";
import type { PrefixRange, RouteFilter, Session } from "./device-route.ts";
import type { ConfigurationBlocks } from "./template.ts";

/** Most equal ways that a route takes. */
const MAX_PATHS = 64;
/** The route map that marks what begins here. */
const ORIGIN_MAP = "origin";

/** The configuration as blocks of text of FRR 8 and newer, all daemons in one file. */
export function renderFrr(configuration: DeviceConfiguration): ConfigurationBlocks {
  const { fabric, device, role, bfd, origins, sessions } = configuration;
  const word = (family: 4 | 6): string => (family === 4 ? "ip" : "ipv6");
  return {
    head: [
      `! ${role} ${device} of fabric ${fabric}, written by romana: changes are lost`,
      "frr defaults datacenter",
      `hostname ${device}`,
      "log syslog informational",
      // With next hop objects of the kernel, FRR 8.4 loses a member of a group for good when its link flaps.
      "no zebra nexthop kernel enable",
    ],
    bfd:
      bfd === undefined
        ? []
        : [
            "bfd",
            " profile romana",
            `  detect-multiplier ${bfd.multiplier}`,
            `  receive-interval ${bfd.intervalMs}`,
            `  transmit-interval ${bfd.intervalMs}`,
            " exit",
            "exit",
          ],
    // The agent of a host has the blackhole of its prefix in the kernel by itself.
    kernel:
      role === "host"
        ? []
        : origins.map((prefix) => `${word(prefix.family)} route ${formatPrefix(prefix)} blackhole`),
    origins: originMap(configuration),
    sessions: [
      ...sessions.flatMap((session) => [
        ...prefixList(session, "in", session.imports),
        ...prefixList(session, "out", session.exports),
      ]),
      ...routerBlock(configuration),
    ],
  };
}

function originMap({ communities }: DeviceConfiguration): readonly string[] {
  if (communities.length === 0) return [];
  const ofLength = (length: number): string =>
    communities.filter((community) => communityNumbers(community).length === length).join(" ");
  const [standard, large] = [ofLength(2), ofLength(3)];
  return [
    `route-map ${ORIGIN_MAP} permit 10`,
    ...(standard === "" ? [] : [` set community ${standard}`]),
    ...(large === "" ? [] : [` set large-community ${large}`]),
    "exit",
  ];
}

/** An empty list would let everything pass, so there is always a last entry that refuses. */
function prefixList(
  session: Session,
  direction: "in" | "out",
  { refuse, accept }: RouteFilter,
): readonly string[] {
  const word = session.family === 4 ? "ip" : "ipv6";
  const entries = [
    ...refuse.map((prefix) => `deny ${formatPrefix(prefix)}`),
    ...accept.map((range) => `permit ${rangeText(range)}`),
    "deny any",
  ];
  return entries.map(
    (entry, index) =>
      `${word} prefix-list ${sessionName(session)}_${direction} seq ${(index + 1) * 5} ${entry}`,
  );
}

function rangeText({ inside, minLength, maxLength }: PrefixRange): string {
  const from = minLength > inside.length ? ` ge ${minLength}` : "";
  const to = maxLength > inside.length ? ` le ${maxLength}` : "";
  return `${formatPrefix(inside)}${from}${to}`;
}

function routerBlock(configuration: DeviceConfiguration): readonly string[] {
  const { asn, routerId, gracefulRestart, sessions } = configuration;
  const families = ([4, 6] as const).filter((family) =>
    sessions.some((session) => session.family === family),
  );
  return [
    `router bgp ${asn}`,
    ` bgp router-id ${formatAddress(routerId)}`,
    " no bgp default ipv4-unicast",
    gracefulRestart ? " bgp graceful-restart" : " bgp graceful-restart-disable",
    " bgp ebgp-requires-policy",
    " no bgp network import-check",
    " bgp bestpath as-path multipath-relax",
    " timers bgp 3 9",
    ...sessions.flatMap((session) => neighborLines(configuration, session)),
    ...families.flatMap((family) => familyBlock(configuration, family)),
    "exit",
  ];
}

function neighborLines({ bfd, password }: DeviceConfiguration, session: Session): readonly string[] {
  const neighbor = ` neighbor ${formatAddress(session.peerAddress)}`;
  return [
    `${neighbor} remote-as ${session.peerAsn}`,
    `${neighbor} description ${session.peer}`,
    `${neighbor} update-source ${formatAddress(session.localAddress)}`,
    `${neighbor} timers connect 1`,
    `${neighbor} advertisement-interval 0`,
    ...(bfd === undefined ? [] : [`${neighbor} bfd profile romana`]),
    ...(password === undefined ? [] : [`${neighbor} password ${password}`]),
  ];
}

function familyBlock(
  { origins, communities, sessions }: DeviceConfiguration,
  family: 4 | 6,
): readonly string[] {
  const map = communities.length === 0 ? "" : ` route-map ${ORIGIN_MAP}`;
  return [
    ` address-family ipv${family} unicast`,
    ...origins
      .filter((prefix) => prefix.family === family)
      .map((prefix) => `  network ${formatPrefix(prefix)}${map}`),
    `  maximum-paths ${MAX_PATHS}`,
    ...sessions
      .filter((session) => session.family === family)
      .flatMap((session) => {
        const neighbor = `  neighbor ${formatAddress(session.peerAddress)}`;
        return [
          `${neighbor} activate`,
          `${neighbor} next-hop-self`,
          `${neighbor} prefix-list ${sessionName(session)}_in in`,
          `${neighbor} prefix-list ${sessionName(session)}_out out`,
        ];
      }),
    " exit-address-family",
  ];
}
