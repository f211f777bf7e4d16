import {
  codeFaults,
  codesOverlap,
  createPlan,
  endpointIds,
  endpointPrefix,
  gatewayAddress,
  hostPosition,
} from "../../src/addressing/index.ts";
import type { EndpointDevice, FirewallInput } from "../../src/firewall/index.ts";
import {
  type AddressPlan,
  type Host,
  type Isolation,
  type Network,
  plansOf,
  type Segment,
  type SegmentCode,
  type Tenant,
} from "../../src/model/index.ts";
import { type Address, type Family, parseAddress } from "../../src/net/index.ts";
import { type GatewayService, NEIGHBOUR_DISCOVERY_HOP_LIMIT, type Packet } from "../../src/policy/index.ts";

/** The device that leads to other hosts, and one that has nothing to do with Romana. */
export const UNDERLAY_DEVICE = { name: "eth0", index: 2 };
const FOREIGN_DEVICE = { name: "docker0", index: 3 };

/** Low bits that all plans share out: few, so that random identities meet. */
const FREE_BITS = 16;

const ISOLATIONS: readonly Isolation[] = ["segment", "tenant", "none"];
const SERVICES: readonly GatewayService[] = [{ protocol: "udp", port: 53 }];

/** A source of small random numbers that a seed determines. */
export interface Draw {
  /** A whole number of the range, both ends included. */
  between(least: number, most: number): number;
  pick<T>(items: readonly T[]): T;
}

/** Numbers from a seed (mulberry32). */
export function createDraw(seed: number): Draw {
  let state = seed | 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const between = (least: number, most: number): number => least + Math.floor(next() * (most - least + 1));
  return { between, pick: (items) => items[between(0, items.length - 1)] as never };
}

/** One to three networks of different shapes, a few tenants, segments and own endpoints. */
export function randomWorld(draw: Draw): FirewallInput {
  const hasGroups = draw.pick([true, false]);
  const networks = Array.from({ length: draw.between(1, 3) }, (_, index) =>
    randomNetwork(draw, index, hasGroups),
  );
  const host: Host = {
    name: "host",
    id: draw.between(1, 3),
    group: hasGroups ? ["rack-1"] : [],
    underlay: {},
  };
  const tenants = [1, 2, 3].map(
    (id): Tenant => ({ name: `tenant-${id}`, id, isolation: draw.pick(ISOLATIONS) }),
  );
  const segments = tenants.flatMap(({ name }) => randomSegments(draw, networks, name));
  const world = { table: "romana", networks, host, tenants, segments };
  return {
    ...world,
    devices: Array.from({ length: draw.between(0, 6) }, (_, index) => randomDevice(draw, world, index)),
    underlayDevices: draw.pick([[], [UNDERLAY_DEVICE.index]]),
    gatewayServices: draw.pick([[], SERVICES]),
  };
}

function randomNetwork(draw: Draw, index: number, hasGroups: boolean): Network {
  const groupLevels = hasGroups ? [{ name: "rack", bits: 1 }] : [];
  const numbering = draw.pick(["literal", "v1"] as const);
  const plan = (family: Family): AddressPlan => {
    const [hostBits, tenantBits, segmentBits] = [draw.between(2, 3), draw.between(2, 3), draw.between(1, 3)];
    const strideBits = draw.between(0, 2);
    const used = groupLevels.length + hostBits + tenantBits + segmentBits + strideBits;
    const value = family === 4 ? BigInt(0x0a00 + index) << 16n : (0xfd00n << 112n) | (BigInt(index) << 16n);
    const prefix = { family, value, length: family === 4 ? 32 - FREE_BITS : 128 - FREE_BITS };
    const widths = { hostBits, tenantBits, segmentBits, strideBits, endpointBits: FREE_BITS - used };
    return createPlan({ prefix, numbering, groupLevels, ...widths });
  };
  const families = draw.pick<readonly Family[]>([[4], [6], [4, 6]]);
  return {
    name: `network-${index}`,
    plans: {
      ...(families.includes(4) && { ipv4: plan(4) }),
      ...(families.includes(6) && { ipv6: plan(6) }),
    },
    groups: hasGroups ? [{ name: "rack-1", id: 1, router: {}, groups: [] }] : [],
  };
}

/** Two segments that share out codes of different widths; what overlaps or does not fit is left out. */
function randomSegments(draw: Draw, networks: readonly Network[], tenant: string): readonly Segment[] {
  const codes: SegmentCode[] = [];
  for (let count = draw.between(0, 6); count > 0; count--) {
    const code = { code: draw.between(0, 15), extraBits: draw.pick([-1, 0, 0, 0, 1, 2]) };
    const fits = networks.flatMap(plansOf).every((plan) => codeFaults(plan, code).length === 0);
    if (fits && !codes.some((other) => codesOverlap(code, other))) codes.push(code);
  }
  const isFirst = codes.map(() => draw.pick([true, false]));
  return [
    { tenant, name: "web", codes: codes.filter((_, index) => isFirst[index]) },
    { tenant, name: "db", codes: codes.filter((_, index) => !isFirst[index]) },
  ];
}

/** An endpoint that fits every plan of its network; undefined in a world without segment codes. */
export function randomEndpoint(
  draw: Draw,
  { networks, tenants, segments }: Pick<FirewallInput, "networks" | "tenants" | "segments">,
):
  | {
      readonly network: Network;
      readonly tenant: number;
      readonly code: SegmentCode;
      readonly endpoint: number;
    }
  | undefined {
  const owned = segments.flatMap(({ tenant, codes }) => codes.map((code) => ({ tenant, code })));
  if (owned.length === 0) return undefined;
  const network = draw.pick(networks);
  const { tenant: name, code } = draw.pick(owned);
  const tenant = (tenants.find((candidate) => candidate.name === name) as Tenant).id;
  const last = Math.min(...plansOf(network).map((plan) => endpointIds(plan, code.extraBits).last));
  return { network, tenant, code, endpoint: draw.between(0, Math.min(last, 3)) };
}

function randomDevice(
  draw: Draw,
  world: Pick<FirewallInput, "networks" | "host" | "tenants" | "segments">,
  index: number,
): EndpointDevice {
  const device = { name: `rom${index}`, index: 10 + index };
  const endpoint = randomEndpoint(draw, world);
  if (endpoint === undefined || draw.between(0, 4) === 0) return { ...device, index: undefined, owns: [] };
  const { network } = endpoint;
  const identity = { ...hostPosition(network, world.host), ...endpoint };
  return { ...device, owns: plansOf(network).map((plan) => endpointPrefix(plan, identity)) };
}

/** A packet as the kernel would show it to the table of the world's host. */
export interface ArrivedPacket extends Packet {
  readonly device: { readonly name: string; readonly index: number };
}

/** A packet between addresses that mean something in the world, from any device. */
export function randomPacket(draw: Draw, world: FirewallInput): ArrivedPacket {
  const sender = world.devices.length > 0 && draw.between(0, 2) > 0 ? draw.pick(world.devices) : undefined;
  const known = [...(sender?.owns ?? []), ...world.networks.flatMap(plansOf)].map(({ family }) => family);
  const family = draw.pick<Family>([...known, 4, 6]);
  const delivery = draw.pick(["forward", "forward", "host"] as const);
  return {
    source: draw.between(0, 2) > 0 ? ownedAddress(draw, sender, family) : randomAddress(draw, world, family),
    destination:
      delivery === "host" && draw.pick([true, false])
        ? (draw.pick([...gateways(world, family), undefined]) ?? outsideAddress(draw, family))
        : randomAddress(draw, world, family),
    arrival: sender
      ? { from: "endpoint", owns: sender.index === undefined ? [] : sender.owns }
      : { from: "elsewhere" },
    device: sender
      ? { name: sender.name, index: sender.index ?? 99 }
      : draw.pick([UNDERLAY_DEVICE, FOREIGN_DEVICE]),
    delivery,
    state: draw.pick(["new", "new", "established"]),
    traffic: randomTraffic(draw, family),
  };
}

function randomTraffic(draw: Draw, family: Family): Packet["traffic"] {
  const hopLimit = draw.pick([NEIGHBOUR_DISCOVERY_HOP_LIMIT, 254]);
  return draw.pick<Packet["traffic"]>([
    { kind: draw.pick(["tcp", "udp"]), port: draw.pick([53, 80]) },
    { kind: "echo-request" },
    family === 6 ? { kind: "neighbour-discovery", hopLimit } : { kind: "redirect" },
    { kind: "multicast" },
    { kind: "other" },
  ]);
}

/** An address in or next to what the device owns. */
function ownedAddress(draw: Draw, device: EndpointDevice | undefined, family: Family): Address {
  const blocks = (device?.owns ?? []).filter((block) => block.family === family);
  if (blocks.length === 0) return outsideAddress(draw, family);
  return { family, value: draw.pick(blocks).value + BigInt(draw.pick([0, 0, 0, -1, 1, 2, 4])) };
}

function randomAddress(draw: Draw, world: FirewallInput, family: Family): Address {
  const plans = world.networks.flatMap(plansOf).filter((plan) => plan.family === family);
  if (plans.length === 0 || draw.between(0, 5) === 0) return outsideAddress(draw, family);
  if (draw.between(0, 5) === 0) return draw.pick(gateways(world, family));
  if (draw.between(0, 2) === 0) return ownedAddress(draw, draw.pick([...world.devices, undefined]), family);
  return { family, value: draw.pick(plans).prefix.value + BigInt(draw.between(0, 2 ** FREE_BITS - 1)) };
}

function gateways({ networks, host }: FirewallInput, family: Family): readonly Address[] {
  return networks.flatMap((network) =>
    plansOf(network)
      .filter((plan) => plan.family === family)
      .map((plan) => gatewayAddress(plan, hostPosition(network, host))),
  );
}

function outsideAddress(draw: Draw, family: Family): Address {
  const texts =
    family === 4 ? ["0.0.0.0", "192.0.2.1", "10.200.0.1"] : ["::", "fe80::1", "fec0::1", "2001:db8::1"];
  return parseAddress(draw.pick(texts));
}
