import { createPlan, formatSegmentCode, type PlanSpec, parseSegmentCode } from "../addressing/index.ts";
import { type Endpoint, type Network, RomanaError, type SegmentCode } from "../model/index.ts";
import { formatAddress, parsePrefix } from "../net/index.ts";
import { createFakeClock, createMemoryStore, type FakeClock, type Store } from "../store/index.ts";
import type { AllocationRequest, Control } from "./control.ts";
import { createControl } from "./create.ts";
import type { ControlOptions } from "./options.ts";

/** The seed's plan: 10.1.1.27 is endpoint 11 of segment 1 of tenant 1 on host 1. */
export const SEED_PLAN: PlanSpec = {
  prefix: parsePrefix("10.0.0.0/8"),
  hostBits: 8,
  tenantBits: 8,
  segmentBits: 4,
  endpointBits: 4,
};

/** An IPv6 plan with room for everything. */
export const WIDE_PLAN: PlanSpec = {
  prefix: parsePrefix("fd00::/48"),
  hostBits: 16,
  tenantBits: 16,
  segmentBits: 16,
  endpointBits: 32,
};

/** The seed's plan with eight zones above 32 hosts each. */
export const ZONED_PLAN: PlanSpec = {
  ...SEED_PLAN,
  groupLevels: [{ name: "zone", bits: 3 }],
  hostBits: 5,
};

/** A network without groups; each family is there when its plan is. */
export function network(name: string, ipv4?: PlanSpec, ipv6?: PlanSpec): Network {
  return {
    name,
    plans: { ...(ipv4 && { ipv4: createPlan(ipv4) }), ...(ipv6 && { ipv6: createPlan(ipv6) }) },
    groups: [],
  };
}

/** A control on a memory store, with a clock that stands still. */
export interface Bench {
  readonly control: Control;
  readonly store: Store;
  readonly clock: FakeClock;
}

/** A control that knows nothing yet. */
export async function emptyControl(options: Partial<ControlOptions> = {}): Promise<Bench> {
  const clock = createFakeClock();
  const { store = createMemoryStore() } = options;
  return { control: await createControl({ clock, ...options, store }), store, clock };
}

/** A control with the seed's example: hosts host-1 and host-2, tenants tenant-1 and tenant-2, a segment web in each. */
export async function seedControl(options: Partial<ControlOptions> = {}): Promise<Bench> {
  const bench = await emptyControl(options);
  await fillSeed(bench.control, network("main", SEED_PLAN));
  return bench;
}

/** Adds a network, two hosts, two tenants and a segment in each. */
export async function fillSeed(control: Control, first: Network): Promise<void> {
  await control.networks.create(first);
  for (const name of ["host-1", "host-2"]) await control.hosts.create({ name });
  for (const name of ["tenant-1", "tenant-2"]) {
    await control.tenants.create({ name });
    await control.segments.create({ tenant: name, name: "web" });
  }
}

/** Where the tests allocate when they do not say. */
export const WEB = {
  host: "host-1",
  tenant: "tenant-1",
  segment: "web",
} as const satisfies AllocationRequest;

/** The endpoint's first address as text. */
export function addressOf({ addresses: { ipv4, ipv6 } }: Endpoint): string {
  const address = ipv4 ?? ipv6;
  return address === undefined ? "none" : formatAddress(address);
}

/** Allocates some endpoints one after the other; returns their first addresses. */
export async function allocateMany(
  control: Control,
  count: number,
  request: AllocationRequest = WEB,
): Promise<string[]> {
  const addresses: string[] = [];
  for (let index = 0; index < count; index++) {
    addresses.push(addressOf((await control.endpoints.allocate(request)).object));
  }
  return addresses;
}

/** Codes from their texts. */
export function codes(...texts: string[]): SegmentCode[] {
  return texts.map(parseSegmentCode);
}

/** Texts of codes. */
export function codeTexts(list: readonly SegmentCode[]): string[] {
  return list.map(formatSegmentCode);
}

/** The error that a promise ends with, as `code: message`; `none` when it does not. */
export async function errorOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "none";
  } catch (error) {
    return error instanceof RomanaError ? `${error.code}: ${error.message}` : String(error);
  }
}

/** Every finding of a check as `kind key`; empty when the store is right. */
export async function findingsOf(control: Control): Promise<string[]> {
  const { findings } = await control.ipam.check();
  return findings.map(({ kind, key }) => `${kind} ${key}`);
}
