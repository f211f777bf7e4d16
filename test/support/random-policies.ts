import { endpointPrefix, gatewayAddress, hostPosition } from "../../src/addressing/index.ts";
import type { FirewallInput } from "../../src/firewall/index.ts";
import {
  type Direction,
  type Exception,
  type Host,
  type LabelRequirement,
  type Labels,
  type NounSelector,
  type Policy,
  type PolicyPeer,
  type PolicyRule,
  type PolicyTarget,
  plansOf,
  type Segment,
  type Tenant,
  TIERS,
  type TrafficMatch,
} from "../../src/model/index.ts";
import {
  type Address,
  addressBits,
  type Family,
  firstAddress,
  type Prefix,
  parseAddress,
  parsePrefix,
  prefixOf,
} from "../../src/net/index.ts";
import { type Flow, type PolicyWorld, PROTOCOL } from "../../src/policy/index.ts";
import { type Draw, randomEndpoint, randomWorld } from "./random-world.ts";

/** A world with policies, seen from one of its hosts. */
export interface RandomPolicyWorld extends FirewallInput, PolicyWorld {}

const KEYS = ["app", "tier"] as const;
const VALUES = ["a", "b", "c"] as const;
const DIRECTIONS: readonly Direction[] = ["ingress", "egress"];
const PORTS = [53, 80, 81] as const;
const PORT_NAMES = ["serve", "admin"] as const;
const PORT_PROTOCOLS = [PROTOCOL.tcp, PROTOCOL.tcp, PROTOCOL.udp, PROTOCOL.sctp] as const;

/** Interfaces that targets `machine` and {@link randomMachineTraffic} name. */
const INTERFACES = ["eth0", "rom0", "docker0"] as const;

/** Addresses outside all plans that exceptions may pin. */
const PINNED = ["172.16.0.9", "172.16.0.10", "2001:db8:5::9", "2001:db8:5::10"] as const;

const OUTSIDE_PREFIXES = [
  "0.0.0.0/0",
  "10.0.0.0/8",
  "172.16.0.0/24",
  "172.16.0.8/30",
  "192.0.2.0/24",
  "192.0.2.1/32",
  "192.168.0.0/16",
  "::/0",
  "fd00::/8",
  "2001:db8::/32",
  "2001:db8:5::/64",
  "2001:db8:9::/48",
].map(parsePrefix);

const OUTSIDE_ADDRESSES = ["192.0.2.1", "192.0.2.77", "10.200.0.1", "2001:db8::1", "2001:db8:5::77"] as const;

/**
 * A random world whose tenants, segments and hosts have labels, external IDs and ports, with policies over every
 * feature of the model, and exceptions.
 */
export function randomPolicyWorld(draw: Draw): RandomPolicyWorld {
  const input = randomWorld(draw);
  const tenants = input.tenants.map((tenant) => decorate(draw, tenant));
  const segments = input.segments.map((segment) => ({ ...decorate(draw, segment), ...randomPorts(draw) }));
  const host = underlaid(draw, input.host);
  const hosts = [1, 2, 3].map((id) =>
    id === host.id ? host : underlaid(draw, { ...host, name: `host-${id}`, id }),
  );
  const named = { ...input, host, hosts, tenants, segments };
  const world = { ...named, exceptions: randomExceptions(draw, named) };
  const count = draw.pick([0, 2, 4, 8, 12]);
  return {
    ...world,
    policies: Array.from({ length: count }, (_, index) => randomPolicy(draw, world, index)),
  };
}

function decorate<T extends Tenant | Segment>(draw: Draw, noun: T): T {
  const labels = draw.pick([undefined, randomLabels(draw), randomLabels(draw)]);
  const externalId = draw.pick([undefined, `external-${noun.name}`]);
  return { ...noun, ...(labels && { labels }), ...(externalId !== undefined && { externalId }) };
}

function underlaid(draw: Draw, host: Host): Host {
  const ipv4 = parseAddress(`192.168.0.${host.id}`);
  const ipv6 = parseAddress(`2001:db8:9::${host.id}`);
  const underlay = draw.pick([{ ipv4 }, { ipv6 }, { ipv4, ipv6 }]);
  return { ...host, underlay, labels: randomLabels(draw) };
}

function randomLabels(draw: Draw): Labels {
  return new Map(
    KEYS.flatMap((key) => (draw.between(0, 2) === 0 ? [] : [[key, draw.pick(VALUES)] as const])),
  );
}

function randomPorts(draw: Draw): Pick<Segment, "ports"> {
  const count = draw.between(0, 2);
  const ports = PORT_NAMES.slice(0, count).map((name) => ({
    name,
    protocol: draw.pick(PORT_PROTOCOLS),
    port: draw.pick(PORTS),
  }));
  return count === 0 ? {} : { ports };
}

type Nouns = Pick<FirewallInput, "networks" | "tenants" | "segments"> & { readonly hosts: readonly Host[] };

/** Endpoints that act as another segment, and pinned addresses; now and then of a segment that is not there. */
function randomExceptions(draw: Draw, world: Nouns): readonly Exception[] {
  const found = new Map<string, Exception>();
  for (let count = draw.between(0, 3); count > 0; count--) {
    const blocks = draw.pick([true, false])
      ? [fullPrefix(parseAddress(draw.pick(PINNED)))]
      : endpointBlocks(draw, world);
    const key = blocks.map(({ family, value }) => `${family} ${value}`).join();
    const isTaken = [...found.keys()].some((other) => other.split(",").some((part) => key.includes(part)));
    if (blocks.length === 0 || isTaken) continue;
    const { tenant, name } = draw.pick([...world.segments, { tenant: "nobody", name: "nothing" }]);
    found.set(key, { blocks, tenant, segment: draw.pick([name, name, name, "nothing"]) });
  }
  return [...found.values()];
}

function fullPrefix(address: Address): Prefix {
  return prefixOf(address, addressBits(address.family));
}

/** The blocks of some endpoint, on any host. */
function endpointBlocks(draw: Draw, world: Nouns): readonly Prefix[] {
  const endpoint = randomEndpoint(draw, world);
  if (endpoint === undefined) return [];
  const identity = { ...hostPosition(endpoint.network, draw.pick(world.hosts)), ...endpoint };
  return plansOf(endpoint.network).map((plan) => endpointPrefix(plan, identity));
}

type Named = Nouns & Pick<PolicyWorld, "exceptions">;

function randomPolicy(draw: Draw, world: Named, index: number): Policy {
  const isolates = draw.pick([[], [], ["ingress"], ["egress"], DIRECTIONS] as const);
  const tier = draw.pick([...TIERS, "standard", "standard"] as const);
  return {
    id: `policy-${draw.between(0, 9)}-${index}`,
    tier,
    order: draw.pick([0, 10, 10, 1000, 1000, 1000]),
    appliedTo: some(draw, 1, 2, () => randomTarget(draw, world)),
    isolates: tier === "standard" ? isolates : [],
    rules: some(draw, 0, 4, () => randomRule(draw, world)),
    established: draw.pick(["cut", "keep"]),
  };
}

function some<T>(draw: Draw, least: number, most: number, create: (index: number) => T): readonly T[] {
  return Array.from({ length: draw.between(least, most) }, (_, index) => create(index));
}

function randomTarget(draw: Draw, world: Named): PolicyTarget {
  switch (draw.between(0, 9)) {
    case 0:
      return { kind: "host" };
    case 1:
      return {
        kind: "machine",
        ...(draw.pick([true, false]) && { interfaces: some(draw, 1, 2, () => draw.pick(INTERFACES)) }),
        ...(draw.pick([true, false]) && { addresses: some(draw, 1, 2, () => randomPrefix(draw, world)) }),
      };
    case 2:
    case 3:
      return { kind: "prefix", prefix: randomPrefix(draw, world) };
    default:
      return randomSelector(draw, world);
  }
}

function randomRule(draw: Draw, world: Named): PolicyRule {
  const hasPeers = draw.between(0, 9) > 0;
  const hasTraffic = draw.between(0, 9) > 0;
  return {
    ...(draw.pick([true, false]) && { name: `rule-${draw.between(0, 9)}` }),
    direction: draw.pick(DIRECTIONS),
    verdict: draw.pick(["accept", "accept", "accept", "drop", "drop", "pass", "log"]),
    peers: hasPeers ? some(draw, 1, 3, () => randomPeer(draw, world)) : [],
    traffic: hasTraffic ? some(draw, 1, 2, () => randomTrafficMatch(draw)) : [],
    stateful: draw.between(0, 4) > 0,
  };
}

function randomPeer(draw: Draw, world: Named): PolicyPeer {
  switch (draw.between(0, 11)) {
    case 0:
    case 10:
      return { kind: "any" };
    case 1:
    case 11:
      return { kind: "local" };
    case 2:
      return { kind: "host" };
    case 3:
      return { kind: "hosts", requirements: randomRequirements(draw) };
    case 4:
    case 5: {
      const prefix = randomPrefix(draw, world);
      const length = Math.min(prefix.length + draw.between(0, 4), addressBits(prefix.family));
      return {
        kind: "prefix",
        prefix,
        except: some(draw, 0, 1, () => prefixOf(firstAddress(prefix), length)),
      };
    }
    default:
      return randomSelector(draw, world);
  }
}

function randomSelector(draw: Draw, world: Named): Extract<PolicyPeer, { kind: "endpoints" }> {
  const tenant = draw.pick([undefined, true]) && randomNoun(draw, world.tenants);
  const segment = draw.pick([undefined, undefined, true]) && randomNoun(draw, world.segments);
  return { kind: "endpoints", ...(tenant && { tenant }), ...(segment && { segment }) };
}

function randomNoun(draw: Draw, nouns: readonly (Tenant | Segment)[]): NounSelector {
  const noun = draw.pick(nouns);
  switch (draw.between(0, 5)) {
    case 0:
      return { by: "name", name: "nobody" };
    case 1:
      return { by: "name", name: noun?.name ?? "nobody" };
    case 2:
      return { by: "id", id: draw.between(0, 4) };
    case 3:
      return { by: "external-id", externalId: noun?.externalId ?? "nowhere" };
    default:
      return { by: "labels", requirements: randomRequirements(draw) };
  }
}

function randomRequirements(draw: Draw): readonly LabelRequirement[] {
  return some(draw, 0, 2, (): LabelRequirement => {
    const operator = draw.pick(["In", "NotIn", "Exists", "DoesNotExist"] as const);
    const values = operator === "In" || operator === "NotIn" ? some(draw, 1, 2, () => draw.pick(VALUES)) : [];
    return { key: draw.pick(KEYS), operator, values };
  });
}

/** Of the outside, of a network, or of an exception and what is next to it. */
function randomPrefix(draw: Draw, world: Named): Prefix {
  const blocks = world.exceptions.flatMap((exception) => exception.blocks);
  const wider = (prefix: Prefix): Prefix =>
    prefixOf(firstAddress(prefix), Math.max(0, prefix.length - draw.between(0, 5)));
  switch (draw.between(0, 4)) {
    case 0:
      return wider(draw.pick([...blocks, ...endpointBlocks(draw, world), ...OUTSIDE_PREFIXES]));
    case 1:
      return draw.pick([...world.networks.flatMap(plansOf).map(({ prefix }) => prefix), ...blocks]);
    case 2:
      return wider(draw.pick([...endpointBlocks(draw, world), ...OUTSIDE_PREFIXES]));
    default:
      return draw.pick(OUTSIDE_PREFIXES);
  }
}

function randomTrafficMatch(draw: Draw): TrafficMatch {
  return { ...draw.pick([{}, {}, {}, { family: 4 }, { family: 6 }] as const), ...randomKind(draw) };
}

function randomKind(draw: Draw): TrafficMatch {
  const protocol = draw.pick(PORT_PROTOCOLS);
  const first = draw.pick(PORTS);
  switch (draw.between(0, 9)) {
    case 0:
    case 1:
    case 2:
      return {};
    case 3:
      return { protocol: draw.pick([...PORT_PROTOCOLS, PROTOCOL.icmp, PROTOCOL.icmpv6, 47]) };
    case 4:
      return { protocol, ports: { first, last: first } };
    case 5:
      return { protocol, ports: { first, last: first + draw.pick([1, 2, 400, 1000]) } };
    case 6:
      return {
        protocol,
        ports: draw.pick([
          { first: 0, last: 65535 },
          { first: 1024, last: 65535 },
        ]),
      };
    case 7:
      return { protocol, portName: draw.pick([...PORT_NAMES, "unknown"]) };
    default: {
      const icmp = { type: draw.pick([0, 3, 8, 128, 129]), ...draw.pick([{}, { code: 0 }, { code: 1 }]) };
      return { protocol: draw.pick([PROTOCOL.icmp, PROTOCOL.icmpv6]), icmp };
    }
  }
}

/** A flow between addresses that mean something in the world; about half of the destinations are endpoints. */
export function randomFlow(draw: Draw, world: RandomPolicyWorld): Flow {
  const families = world.networks.flatMap(plansOf).map(({ family }) => family);
  const family = draw.pick<Family>([...families, ...families, 4, 6]);
  return {
    source: randomParty(draw, world, family),
    destination: randomParty(draw, world, family),
    ...randomTraffic(draw, family),
  };
}

/** What a flow carries besides addresses. */
export function randomTraffic(draw: Draw, family: Family): Omit<Flow, "source" | "destination"> {
  const protocol = draw.pick(PORT_PROTOCOLS);
  switch (draw.between(0, 6)) {
    case 0: {
      const icmp = { type: draw.pick([0, 3, 8, 128, 129]), code: draw.pick([0, 0, 1]) };
      return { protocol: family === 4 ? PROTOCOL.icmp : PROTOCOL.icmpv6, icmp };
    }
    case 1:
      return { protocol: draw.pick([47, 50, 253]) };
    case 2:
      return { protocol, port: draw.between(0, 65535) };
    default:
      return { protocol, port: draw.pick([...PORTS, 1024, 82]) };
  }
}

/** A flow of a machine, from or to anybody. */
export function randomMachineTraffic(
  draw: Draw,
  world: RandomPolicyWorld,
): { readonly flow: Flow; readonly interfaceName: string; readonly isOwnEndpoint: boolean } {
  return {
    flow: randomFlow(draw, world),
    interfaceName: draw.pick(INTERFACES),
    isOwnEndpoint: draw.pick([true, false]),
  };
}

function randomParty(draw: Draw, world: RandomPolicyWorld, family: Family): Address {
  const plans = world.networks.flatMap((network) => plansOf(network).map((plan) => ({ network, plan })));
  const own = plans.filter(({ plan }) => plan.family === family);
  const blocks = world.exceptions.flatMap((exception) => exception.blocks);
  const ofFamily = (addresses: readonly Address[]): readonly Address[] =>
    addresses.filter((address) => address.family === family);
  const endpoints = ofFamily(Array.from({ length: 4 }, () => endpointBlocks(draw, world)).flat());
  const exceptions = ofFamily(blocks);
  const others = ofFamily([
    ...[...PINNED, ...OUTSIDE_ADDRESSES].map(parseAddress),
    ...world.hosts.flatMap(({ underlay }) =>
      [underlay.ipv4, underlay.ipv6].filter((one) => one !== undefined),
    ),
    ...own.map(({ network, plan }) => gatewayAddress(plan, hostPosition(network, draw.pick(world.hosts)))),
    ...own.map(({ plan }) => ({ family, value: plan.prefix.value + BigInt(draw.between(0, 65535)) })),
  ]);
  const kinds = [endpoints, endpoints, endpoints, exceptions, others].filter(({ length }) => length > 0);
  const { value } = draw.pick(draw.pick(kinds));
  return { family, value };
}
