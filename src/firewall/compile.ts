import { gatewayAddress, hostPosition } from "../addressing/index.ts";
import { addressPrefix, type Family, parsePrefix } from "../net/index.ts";
import { DROP_REASONS, METADATA, METADATA_PORT, PROTOCOL } from "../policy/index.ts";
import {
  type BindingShape,
  bindingShape,
  boundMatches,
  boundSets,
  DEVICE_SET,
  deviceMembers,
  shapeName,
  unboundMatches,
} from "./binding.ts";
import { createWriting, type Drop } from "./drop.ts";
import { identityLookups } from "./identity-lookups.ts";
import { type FirewallInput, type OwnPrefix, ownPrefixes } from "./input.ts";
import { sortElements } from "./key.ts";
import { TO_SERVICES } from "./machine-policies.ts";
import { type PolicyParts, policyParts } from "./policy-parts.ts";
import { ownMatches, relocated, relocationSets } from "./relocated.ts";
import type { Chain, Element, Match, NamedSet, Rule, Table } from "./table.ts";

const SERVICE_SET = "gateway_services";
const ARRIVED = "arrived";

const FAMILIES: readonly Family[] = [4, 6];

/**
 * The host's table. Its chains depend on networks and code widths only: tenants, segments and own endpoints
 * are elements of sets.
 * @throws RomanaError `invalid-input` when a device owns what is no endpoint's block of this host.
 */
export function createTable(input: FirewallInput): Table {
  const own = FAMILIES.flatMap((family) => ownPrefixes(input, family));
  const shapes = distinctShapes(own);
  const families = FAMILIES.filter(
    (family) =>
      own.some(({ plan }) => plan.family === family) ||
      (input.policyRules?.exceptions(family).length ?? 0) > 0,
  );
  const lookups = families.map((family) => ({ family, ...identityLookups(input, family) }));
  const writing = createWriting(input);
  const policies = policyParts(input, own, lookups, writing);
  const { drop } = writing;
  return {
    name: input.table,
    counters: DROP_REASONS,
    sets: [
      ...bindingSets(input, shapes),
      serviceSet(input),
      ...relocationSets(input),
      ...lookups.flatMap(({ sets }) => sets),
      ...policies.sets,
    ],
    chains: [
      ...writing.chains,
      { name: TO_SERVICES, rules: toServicesRules(own, input, drop) },
      ...policies.toEndpoint,
      ...policies.fromEndpoint,
      ...shapes.map((shape) => fromEndpointChain(input, shape, own, policies, drop)),
      ...(input.steered ? [{ name: ARRIVED, rules: arrivedRules(input, own) }] : []),
      { name: "unbound", rules: unboundRules(input, drop) },
      { name: "to_host", rules: toHostRules(input, policies, drop) },
      ...shapes.map((shape) => fromEndpointToHostChain(shape, drop)),
      { name: "forward", hook: "forward", rules: forwardRules(input, own, policies, drop) },
      { name: "input", hook: "input", rules: [...inputRules(input, own, drop), ...policies.toMachine] },
      ...policies.bases,
    ],
  };
}

function distinctShapes(own: readonly OwnPrefix[]): readonly BindingShape[] {
  const shapes = own.map(({ plan }) => bindingShape(plan));
  return [...new Map(shapes.map((shape) => [shapeName(shape), shape])).values()];
}

function bindingSets(input: FirewallInput, shapes: readonly BindingShape[]): readonly NamedSet[] {
  const members = input.devices.flatMap((device) => deviceMembers(input, device));
  const elementsOf = (set: string): readonly Element[] =>
    sortElements(members.filter((member) => member.set === set).map(({ element }) => element));
  const families = new Map(shapes.flatMap((shape) => boundSets(shape).map((set) => [set, shape.family])));
  return [
    {
      name: DEVICE_SET,
      comment: "devices of own endpoints",
      key: ["ifname"],
      elements: elementsOf(DEVICE_SET),
    },
    ...[...families].map(
      ([set, family]): NamedSet => ({
        name: set,
        comment: "device and the source that it may send from",
        key: ["iface_index", family === 4 ? "ipv4_addr" : "ipv6_addr"],
        elements: elementsOf(set),
      }),
    ),
  ];
}

function serviceSet({ gatewayServices }: FirewallInput): NamedSet {
  const elements = gatewayServices.map(
    ({ protocol, port }): Element => [
      { type: "inet_proto", value: protocol === "tcp" ? 6 : 17 },
      { type: "inet_service", value: port },
    ],
  );
  return {
    name: SERVICE_SET,
    comment: "what endpoints may use at the gateway address",
    key: ["inet_proto", "inet_service"],
    elements: sortElements(elements),
  };
}

/** From a source inside an own prefix to anywhere but this host. */
function fromEndpointChain(
  input: FirewallInput,
  shape: BindingShape,
  own: readonly OwnPrefix[],
  { egress }: PolicyParts,
  drop: Drop,
): Chain {
  return {
    name: `from_endpoint${shapeName(shape)}`,
    rules: [
      drop("spoofed-source", ...unboundMatches(shape)),
      accept({ kind: "established" }),
      ...egress.filter(({ family }) => family === shape.family).map(({ anywhere }) => jump(anywhere)),
      ...toOwnEndpoints(
        input,
        own.filter(({ plan }) => plan.family === shape.family),
      ),
    ],
  };
}

/** From a source inside an own prefix to this host. */
function fromEndpointToHostChain(shape: BindingShape, drop: Drop): Chain {
  return {
    name: `to_host${shapeName(shape)}`,
    rules: [drop("spoofed-source", ...unboundMatches(shape)), go("to_host")],
  };
}

/** From an endpoint's device to this host, with a source outside the own prefixes. */
function unboundRules({ guestServices }: FirewallInput, drop: Drop): readonly Rule[] {
  return [
    accept({ kind: "neighbour-discovery" }, { kind: "starting-source" }),
    ...(guestServices?.dhcp === true
      ? [
          accept({ kind: "source", prefix: parsePrefix("0.0.0.0/32") }, { kind: "dhcp-request", family: 4 }),
          accept({ kind: "dhcp-request", family: 6 }, { kind: "starting-source" }),
          accept({ kind: "router-solicitation" }, { kind: "starting-source" }),
        ]
      : []),
    drop("multicast", { kind: "multicast" }),
    drop("spoofed-source"),
  ];
}

/** From an endpoint, with a source of its own, to this host. */
function toHostRules(
  { guestServices }: FirewallInput,
  { egress, toHost }: PolicyParts,
  drop: Drop,
): readonly Rule[] {
  return [
    drop("to-host", { kind: "redirect" }),
    accept({ kind: "established" }),
    accept({ kind: "neighbour-discovery" }),
    ...(guestServices?.dhcp === true ? [accept({ kind: "dhcp-request", family: 4 })] : []),
    drop("multicast", { kind: "multicast" }),
    ...egress.map(({ family, toHost: chain }) => jump(chain, { kind: "family", family })),
    ...toHost,
    go(TO_SERVICES),
  ];
}

/** What every endpoint may use of this host, and nothing else. */
function toServicesRules(
  own: readonly OwnPrefix[],
  { host, guestServices }: FirewallInput,
  drop: Drop,
): readonly Rule[] {
  const gateways = own.map(({ network, plan }) => gatewayAddress(plan, hostPosition(network, host)));
  return [
    ...gateways.flatMap((gateway) => {
      const toGateway: Match = { kind: "destination", prefix: addressPrefix(gateway) };
      return [
        accept(toGateway, { kind: "echo-request", family: gateway.family }),
        accept(toGateway, {
          kind: "lookup",
          key: [{ field: "protocol" }, { field: "destination-port" }],
          set: SERVICE_SET,
          negated: false,
        }),
      ];
    }),
    ...(guestServices?.metadata === true
      ? [accept(TO_METADATA, { kind: "protocol-port", protocol: PROTOCOL.tcp, port: METADATA_PORT })]
      : []),
    drop("to-host"),
  ];
}

function forwardRules(
  input: FirewallInput,
  own: readonly OwnPrefix[],
  { egress }: PolicyParts,
  drop: Drop,
): readonly Rule[] {
  return [
    ...steeredRules(input),
    ...FAMILIES.flatMap((family) =>
      fastLanes(
        input,
        own.filter(({ plan }) => plan.family === family),
        egress.some((chains) => chains.family === family),
      ),
    ),
    ...own.flatMap((one) =>
      ownMatches(input, one, "source").map((matches) =>
        go(`from_endpoint${shapeName(bindingShape(one.plan))}`, ...matches),
      ),
    ),
    drop("spoofed-source", FROM_ENDPOINT_DEVICE),
    accept({ kind: "established" }),
    ...toOwnEndpoints(input, own),
  ];
}

/**
 * The shortest ways for almost every packet, proved by one look-up or one comparison (ADR 0013): out of an own
 * endpoint, whom nothing else is asked of unless it stays on this host; and in from another host for a known flow.
 * They decide nothing that the rules behind them would decide otherwise; where policies have a say in what is sent,
 * only known flows take the first.
 */
function fastLanes(
  input: FirewallInput,
  own: readonly OwnPrefix[],
  hasEgressPolicies: boolean,
): readonly Rule[] {
  if (own.length === 0) return [];
  const families = [...new Set(own.map(({ plan }) => plan.family))];
  const notVisiting = (field: "source" | "destination"): readonly Match[] =>
    families.flatMap((family) => relocated(input, "visiting", family, field, true));
  const notTo = [
    ...own.map(({ prefix }): Match => ({ kind: "not-destination", prefix })),
    ...notVisiting("destination"),
  ];
  const known: readonly Match[] = hasEgressPolicies ? [{ kind: "established" }] : [];
  const notFrom = [
    ...own.map(({ prefix }): Match => ({ kind: "not-source", prefix })),
    ...notVisiting("source"),
  ];
  return [
    ...boundMatches(distinctShapes(own)).map((match) => accept(...notTo, match, ...known)),
    ...input.underlayDevices.map((index) =>
      accept({ kind: "input-device", index }, ...notFrom, { kind: "established" }),
    ),
  ];
}

/** In front of all others, which judge by devices and sources that a way through functions makes no sense of. */
function steeredRules({ steered }: FirewallInput): readonly Rule[] {
  if (steered === undefined) return [];
  const marked = (value: number): Match => ({ kind: "mark", mask: steered.mask, value });
  return [accept(marked(steered.passing)), go(ARRIVED, marked(steered.arrived))];
}

function arrivedRules(input: FirewallInput, own: readonly OwnPrefix[]): readonly Rule[] {
  return [accept({ kind: "established" }), ...toOwnEndpoints(input, own)];
}

function inputRules(input: FirewallInput, own: readonly OwnPrefix[], drop: Drop): readonly Rule[] {
  return [
    accept({ kind: "loopback" }),
    ...own.flatMap((one) =>
      ownMatches(input, one, "source").map((matches) =>
        go(`to_host${shapeName(bindingShape(one.plan))}`, ...matches),
      ),
    ),
    go("unbound", FROM_ENDPOINT_DEVICE),
    ...(input.guestServices?.metadata === true ? [drop("to-host", TO_METADATA)] : []),
  ];
}

const TO_METADATA: Match = { kind: "destination", prefix: METADATA };

const FROM_ENDPOINT_DEVICE: Match = {
  kind: "lookup",
  key: [{ field: "input-name" }],
  set: DEVICE_SET,
  negated: false,
};

function toOwnEndpoints(input: FirewallInput, own: readonly OwnPrefix[]): readonly Rule[] {
  return own.flatMap((one) =>
    ownMatches(input, one, "destination").map((matches) => go(`to_endpoint${one.plan.family}`, ...matches)),
  );
}

function jump(chain: string, ...matches: readonly Match[]): Rule {
  return { matches, verdict: { kind: "jump", chain } };
}

function accept(...matches: readonly Match[]): Rule {
  return { matches, verdict: { kind: "accept" } };
}

function go(chain: string, ...matches: readonly Match[]): Rule {
  return { matches, verdict: { kind: "goto", chain } };
}
