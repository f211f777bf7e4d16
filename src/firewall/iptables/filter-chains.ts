import { gatewayAddress, hostPosition } from "../../addressing/index.ts";
import { addressPrefix, type Family, type Prefix } from "../../net/index.ts";
import { METADATA, METADATA_PORT, NEIGHBOUR_DISCOVERY_HOP_LIMIT } from "../../policy/index.ts";
import { ownPrefixes, type SafetyNet } from "../input.ts";
import { type BindingWords, bindingWords } from "./binding.ts";
import { dropChain, dropChains } from "./drop-chains.ts";
import {
  type Base,
  egressQuestion,
  fromHostQuestion,
  ISOLATION_CHAIN,
  ingressQuestion,
  isolationEnd,
  toHostQuestion,
} from "./endpoint-questions.ts";
import {
  type Destination,
  goText,
  type IptablesChain,
  type IptablesInput,
  type SavedRules,
} from "./input.ts";
import { machineQuestion, saysOfMachines } from "./machine-questions.ts";
import { formatPattern, prefixPattern } from "./pattern.ts";
import { tierChains } from "./tier-chains.ts";
import { trafficText } from "./traffic.ts";

const ESTABLISHED = "-m conntrack --ctstate RELATED,ESTABLISHED -j RETURN";

/**
 * The chains of table `filter`. A chain is entered by `-g` and never comes back, so that `RETURN` anywhere ends in the
 * built-in chain behind our one jump: it means that we have nothing against the packet. What Romana accepts, rules of
 * others may still drop. EGRESS, INGRESS and so on stand for chains of one tier each ({@link tierChains}).
 *
 *     FORWARD ─ own source ──▶ OWN-FORWARD ─ bound, new ─▶ EGRESS ─ accepted ─▶ TO-OWN ─ own destination ─▶ INGRESS
 *             ├ own device ──▶ (spoofed)                                                                       ▲
 *             └ the rest, new, to an own destination ──────────────────────────────────────────────────────────┘
 *     INPUT ─── own source ──▶ OWN-INPUT ─ bound, new ─▶ TO-HOST ─ accepted ─▶ HOST-IN ─▶ GATEWAY ─▶ (to-host)
 *             ├ own device ──▶ UNBOUND (neighbour discovery only)
 *             └ the rest ────▶ MACHINE-INPUT (established, safety net) ─▶ MACH-IN
 *     OUTPUT ── (established, safety net) ─ own destination ─▶ HOST-OUT ─ accepted ─▶ FROM-HOST
 *             └ the rest ────▶ MACH-OUT
 *
 * INGRESS, ISOLATION tier: same tenant or segment ─▶ accepted; isolated by policies ─▶ (not-allowed); of an open tenant
 * ─▶ baseline; the rest ─▶ ISOLATED, which tells (isolation) from (from-outside).
 */
export function filterChains(input: IptablesInput, base: Base, saved: SavedRules): readonly IptablesChain[] {
  const words = bindingWords(input, base.family, base.sets);
  return [
    ...dropChains(input, saved.drops),
    { name: ISOLATION_CHAIN, rules: isolationEnd(input, base) },
    ...forwardChains(input, base, words),
    ...inputChains(input, base, words),
    ...outputChains(input, base, words),
  ];
}

function forwardChains(input: IptablesInput, base: Base, words: BindingWords): readonly IptablesChain[] {
  const ingress = tierChains(ingressQuestion(input, base, { accepted: "accept", otherwise: "accept" }));
  const toOwn = words.to.map((match) => `${match} ${goText(ingress.entry)}`);
  const sent: Destination = { chain: "ROMANA-TO-OWN" };
  const egress = tierChains(egressQuestion(input, base, { accepted: sent, otherwise: sent }));
  return [
    ...ingress.chains,
    chain("ROMANA-TO-OWN", toOwn),
    ...egress.chains,
    chain("ROMANA-OWN-FORWARD", [
      `${words.unbound} ${goText(dropChain("spoofed-source"))}`,
      ESTABLISHED,
      goText(egress.entry),
    ]),
    chain("ROMANA-FORWARD", [
      ...words.from.map((match) => `${match} -g ROMANA-OWN-FORWARD`),
      ...words.fromDevice.map((match) => `${match} ${goText(dropChain("spoofed-source"))}`),
      ESTABLISHED,
      ...toOwn,
    ]),
  ];
}

function inputChains(input: IptablesInput, base: Base, words: BindingWords): readonly IptablesChain[] {
  const gateway: Destination = { chain: "ROMANA-GATEWAY" };
  const hostIn = tierChains(
    machineQuestion(
      input,
      base,
      { accepted: "accept", otherwise: gateway },
      { direction: "ingress", isOwnEndpoint: true },
    ),
  );
  const toHost = tierChains(toHostQuestion(input, base, { accepted: hostIn.entry, otherwise: hostIn.entry }));
  const machine = machineChains(input, base, "ingress");
  return [
    chain(gateway.chain, gatewayRules(input, base.family)),
    ...hostIn.chains,
    ...toHost.chains,
    chain("ROMANA-OWN-INPUT", [
      `${words.unbound} ${goText(dropChain("spoofed-source"))}`,
      ...(base.family === 4 ? [`-p icmp -m icmp --icmp-type 5 ${goText(dropChain("to-host"))}`] : []),
      ESTABLISHED,
      ...neighbourDiscovery(base.family),
      ...(input.guestServices?.dhcp === true && base.family === 4 ? [dhcpRequest(4)] : []),
      ...multicast(),
      goText(toHost.entry),
    ]),
    chain("ROMANA-UNBOUND", [
      ...["::", "fe80::/10"].flatMap((source) => neighbourDiscovery(base.family, `-s ${source} `)),
      ...(input.guestServices?.dhcp === true ? startingConfiguration(base.family) : []),
      ...multicast(),
      goText(dropChain("spoofed-source")),
    ]),
    ...machine.chains,
    chain("ROMANA-INPUT", [
      "-i lo -j RETURN",
      ...words.from.map((match) => `${match} -g ROMANA-OWN-INPUT`),
      ...words.fromDevice.map((match) => `${match} -g ROMANA-UNBOUND`),
      ...(input.guestServices?.metadata === true && base.family === 4
        ? [`${TO_METADATA} ${goText(dropChain("to-host"))}`]
        : []),
      ...(machine.isAsked ? [...safeRules(input, base.family, "ingress"), goText(machine.entry)] : []),
    ]),
  ];
}

function outputChains(input: IptablesInput, base: Base, words: BindingWords): readonly IptablesChain[] {
  const fromHost = tierChains(fromHostQuestion(input, base, { accepted: "accept", otherwise: "accept" }));
  const hostOut = tierChains(
    machineQuestion(
      input,
      base,
      { accepted: fromHost.entry, otherwise: fromHost.entry },
      { direction: "egress", isOwnEndpoint: true },
    ),
  );
  const machine = machineChains(input, base, "egress");
  return [
    ...fromHost.chains,
    ...hostOut.chains,
    ...machine.chains,
    chain("ROMANA-OUTPUT", [
      "-o lo -j RETURN",
      ...safeRules(input, base.family, "egress"),
      ...words.to.map((match) => `${match} ${goText(hostOut.entry)}`),
      ...(machine.isAsked ? [goText(machine.entry)] : []),
    ]),
  ];
}

function machineChains(
  input: IptablesInput,
  base: Base,
  direction: "ingress" | "egress",
): ReturnType<typeof tierChains> & { readonly isAsked: boolean } {
  const ends = { accepted: "accept", otherwise: "accept" } as const;
  const chains = tierChains(machineQuestion(input, base, ends, { direction, isOwnEndpoint: false }));
  return { ...chains, isAsked: saysOfMachines(input, direction) };
}

/** DHCP of both families (RFC 2131, RFC 8415): UDP ports of the client, and of the server. */
const DHCP = { ingress: [68, 546], egress: [67, 547] } as const;

/** What no policy takes from this machine. */
function safeRules(input: IptablesInput, family: Family, direction: "ingress" | "egress"): readonly string[] {
  const { services = [], destinations = [] } = input.safetyNet ?? {};
  const dhcp = DHCP[direction].map((port) => ({ protocol: 17, port }));
  const safe: SafetyNet["destinations"] = [...dhcp, ...(direction === "ingress" ? services : destinations)];
  const rules = safe.flatMap(({ protocol, port, prefix }) => {
    const words = trafficText({ protocol, ports: { first: port, last: port } }, family)?.words;
    if (words === undefined || (prefix ?? { family }).family !== family) return [];
    const to = prefix === undefined ? "" : `-d ${formatPattern(prefixPattern(prefix))} `;
    return [`${to}${words} -j RETURN`];
  });
  return [ESTABLISHED, ...neighbourDiscovery(family), ...rules];
}

function gatewayRules(input: IptablesInput, family: Family): readonly string[] {
  const echo = trafficText(
    family === 4 ? { protocol: 1, icmp: { type: 8 } } : { protocol: 58, icmp: { type: 128 } },
    family,
  );
  const services = input.gatewayServices.map(({ protocol, port }) =>
    trafficText({ protocol: protocol === "tcp" ? 6 : 17, ports: { first: port, last: port } }, family),
  );
  const traffic = [echo, ...services].flatMap((text) => text?.words ?? []);
  const gateways = ownPrefixes(input, family).map(
    ({ network, plan }): Prefix => addressPrefix(gatewayAddress(plan, hostPosition(network, input.host))),
  );
  return [
    ...gateways.flatMap((gateway) =>
      traffic.map((words) => `-d ${formatPattern(prefixPattern(gateway))} ${words} -j RETURN`),
    ),
    ...(input.guestServices?.metadata === true && family === 4
      ? [`${TO_METADATA} -p tcp -m tcp --dport ${METADATA_PORT} -j RETURN`]
      : []),
    goText(dropChain("to-host")),
  ];
}

const TO_METADATA = `-d ${formatPattern(prefixPattern(METADATA))}`;

/** From a DHCP client to all servers of its link (RFC 2131, RFC 8415). */
function dhcpRequest(family: Family, source = ""): string {
  const [to, client, server] = family === 4 ? ["255.255.255.255/32", 68, 67] : ["ff02::1:2/128", 546, 547];
  return `${source}-d ${to} -p udp -m udp --sport ${client} --dport ${server} -j RETURN`;
}

/** How a guest without an address asks for one, and for a router. */
function startingConfiguration(family: Family): readonly string[] {
  if (family === 4) return [dhcpRequest(4, "-s 0.0.0.0/32 ")];
  return ["::/128", "fe80::/10"].flatMap((source) => [
    dhcpRequest(6, `-s ${source} `),
    ...solicitations([133], `-s ${source} `),
  ]);
}

/** Solicitations and advertisements that were not forwarded (RFC 4861, section 7.1). */
function neighbourDiscovery(family: Family, source = ""): readonly string[] {
  return family === 4 ? [] : solicitations([135, 136], source);
}

/** ICMPv6 messages of these types that were not forwarded. */
function solicitations(types: readonly number[], source: string): readonly string[] {
  return types.map(
    (type) =>
      `${source}-p ipv6-icmp -m icmp6 --icmpv6-type ${type} -m hl --hl-eq ${NEIGHBOUR_DISCOVERY_HOP_LIMIT} -j RETURN`,
  );
}

function multicast(): readonly string[] {
  return ["multicast", "broadcast"].map(
    (kind) => `-m pkttype --pkt-type ${kind} ${goText(dropChain("multicast"))}`,
  );
}

function chain(name: string, texts: readonly string[]): IptablesChain {
  return { name, rules: texts.map((text) => ({ text })) };
}
