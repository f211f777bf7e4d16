import { createPlan } from "../addressing/index.ts";
import type { ChainEnd } from "../model/index.ts";
import { parsePrefix } from "../net/index.ts";
import type { ChainSpec } from "./chain-control.ts";
import { type Bench, emptyControl, fillSeed, SEED_PLAN } from "./seed.case.ts";

/** Segments of tenant-2 that chains may go through. */
export const FUNCTIONS = ["fw", "ids", "f3", "f4", "f5", "f6", "f7", "f8", "f9"];

/** The seed with functions in tenant-2, a segment db in tenant-1, and the service shop in front of that. */
export async function seedChains(): Promise<Bench> {
  const bench = await emptyControl();
  const { control } = bench;
  await fillSeed(control, {
    name: "main",
    plans: { ipv4: createPlan(SEED_PLAN) },
    groups: [],
    services: { ipv4: parsePrefix("172.20.0.0/24") },
  });
  for (const name of FUNCTIONS) await control.segments.create({ tenant: "tenant-2", name });
  await control.segments.create({ tenant: "tenant-1", name: "db" });
  const ports = [{ protocol: "tcp", port: 80 }] as const;
  await control.services.create({ name: "shop", tenant: "tenant-1", segment: "db", ports });
  return bench;
}

/** A segment from `TENANT/SEGMENT`. */
export function segment(text: string): Extract<ChainEnd, { kind: "segment" }> {
  const [tenant = "", name = ""] = text.split("/");
  return { kind: "segment", tenant, segment: name };
}

/** Segments of tenant-2 as functions that fail closed. */
export function through(...names: string[]): ChainSpec["through"] {
  return names.map((name) => ({ tenant: "tenant-2", segment: name, fail: "closed" }));
}

/** A chain from web to db of tenant-1 through a firewall, forward. */
export function spec(name: string, change: Partial<ChainSpec> = {}): ChainSpec {
  return {
    name,
    from: segment("tenant-1/web"),
    to: segment("tenant-1/db"),
    through: through("fw"),
    direction: "forward",
    ...change,
  };
}
