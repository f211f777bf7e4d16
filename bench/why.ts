import { encodeAddress, hostPosition } from "../src/addressing/index.ts";
import type { Policy, Segment, Tenant } from "../src/model/index.ts";
import { plansOf } from "../src/model/index.ts";
import { createFlowJudge, type Flow, type PolicyWorld, PROTOCOL } from "../src/policy/index.ts";
import { host, network, SEED_IPV4, SEED_IPV6 } from "../test/support/example-world.ts";
import { createDraw, type Draw } from "../test/support/random-world.ts";
import { type BenchResult, median } from "./bench.ts";

const ROUNDS = 5;
const HOSTS = 100;
const TENANTS = 100;
const SEGMENTS = 10;
/** Of each tenant. */
const POLICIES = 10;
const FLOWS = 1_000_000;
const PORTS = [22, 53, 80, 443, 8080];

/** How many 5-tuples a second a judge answers in both directions, from a cold start. */
export async function run(): Promise<BenchResult> {
  const world = benchWorld();
  const flows = benchFlows(createDraw(1), world);
  const rates: number[] = [];
  let accepted = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const begun = performance.now();
    const judge = createFlowJudge(world);
    accepted = flows.filter((flow) => judge(flow).verdict === "accept").length;
    rates.push((flows.length / (performance.now() - begun)) * 1000);
  }
  return {
    name: "why",
    method:
      `random 5-tuples of both families between ${HOSTS} hosts, ${TENANTS * SEGMENTS} segments, ` +
      `${TENANTS * POLICIES} policies, each judge new; medians of ${ROUNDS} rounds`,
    rows: [
      {
        what: "5-tuples judged in both directions",
        value: median(rates),
        unit: "/s",
        bar: { relation: "at least", value: 200_000 },
      },
      { what: "of them accepted", value: (accepted / flows.length) * 100, unit: "%" },
    ],
  };
}

function benchWorld(): PolicyWorld {
  const tenants = Array.from(
    { length: TENANTS },
    (_, index): Tenant => ({
      name: `tenant-${index}`,
      id: index + 1,
      isolation: index % 2 === 0 ? "segment" : "none",
      labels: new Map([["env", index % 3 === 0 ? "prod" : "test"]]),
    }),
  );
  const segments = tenants.flatMap(({ name }) =>
    Array.from(
      { length: SEGMENTS },
      (_, index): Segment => ({
        tenant: name,
        name: `segment-${index}`,
        codes: [{ code: index + 1, extraBits: 0 }],
        labels: new Map([["app", `app-${index}`]]),
      }),
    ),
  );
  const policies = tenants.flatMap(({ name }) =>
    Array.from({ length: POLICIES }, (_, index) => benchPolicy(name, index)),
  );
  const hosts = Array.from({ length: HOSTS }, (_, index) => host(index + 1));
  return {
    networks: [network("default", SEED_IPV4, SEED_IPV6)],
    hosts,
    tenants,
    segments,
    policies,
    exceptions: [],
  };
}

/** Lets an application of the tenant, and all that are in production, in to another application. */
function benchPolicy(tenant: string, index: number): Policy {
  const labelled = (key: string, value: string) =>
    ({ by: "labels", requirements: [{ key, operator: "In", values: [value] }] }) as const;
  const own = { by: "name", name: tenant } as const;
  return {
    id: `${tenant}-${index}`,
    tier: "standard",
    order: 1000,
    appliedTo: [{ kind: "endpoints", tenant: own, segment: labelled("app", `app-${index}`) }],
    isolates: ["ingress"],
    rules: [
      {
        direction: "ingress",
        verdict: "accept",
        peers: [
          { kind: "endpoints", tenant: own, segment: labelled("app", `app-${(index + 1) % SEGMENTS}`) },
          { kind: "endpoints", tenant: labelled("env", "prod") },
        ],
        traffic: [{ protocol: PROTOCOL.tcp, ports: { first: 80, last: 80 + index } }],
        stateful: true,
      },
    ],
    established: "cut",
  };
}

function benchFlows(draw: Draw, world: PolicyWorld): readonly Flow[] {
  const [own] = world.networks;
  if (own === undefined) throw new Error("no network");
  const plans = plansOf(own);
  const endpoints = Array.from({ length: 20_000 }, () => {
    const position = hostPosition(own, draw.pick(world.hosts));
    const code = { code: draw.between(1, SEGMENTS), extraBits: 0 };
    const identity = { ...position, tenant: draw.between(1, TENANTS), code, endpoint: draw.between(1, 15) };
    return plans.map((plan) => encodeAddress(plan, identity));
  });
  return Array.from({ length: FLOWS }, (): Flow => {
    const family = draw.between(0, plans.length - 1);
    const address = () => draw.pick(endpoints)[family] as Flow["source"];
    return {
      source: address(),
      destination: address(),
      protocol: draw.pick([PROTOCOL.tcp, PROTOCOL.udp]),
      port: draw.between(0, 1) === 0 ? draw.pick(PORTS) : draw.between(1, 65535),
    };
  });
}
