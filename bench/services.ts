import { type ChildProcess, spawn } from "node:child_process";
import type { Host, SegmentBackends, Service } from "../src/model/index.ts";
import { formatAddress, parseAddress, parsePrefix } from "../src/net/index.ts";
import {
  type KnownServices,
  renderServiceTable,
  SERVICES_TABLE,
  type ServiceRules,
  type ServiceTableState,
  serviceRules,
  serviceSteps,
  serviceTableState,
} from "../src/steering/index.ts";
import type { Kernel } from "../src/system/kernel.ts";
import { createLinuxKernel } from "../src/system/linux-kernel.ts";
import { createNamespace, deleteNamespace, inNamespace, namespacePath } from "../src/system/namespace.ts";
import { AgentSite, until } from "../test/support/agent-site.ts";
import { ServiceScene } from "../test/support/service-scene.ts";
import { Members, ownAddress } from "../test/support/service-traffic.ts";
import { type BenchResult, type BenchRow, median } from "./bench.ts";

const SERVICES = 100;
const MEMBERS = 50;
const ROUNDS = 21;
const FLOWS = 10_000;
const DEATHS = 7;
/** One change of a member list may hold up the agent's other work for so many milliseconds. */
const CHANGE_BAR = 150;
/** The longest transaction on the way to a table that is not there yet. */
const STEP_BAR = 300;
/** A tenth of even. */
const SPREAD_BAR = 10;
/** In shares of a member. */
const MOVED_BAR = 1.5;
/** A member whose server is gone gets no flows any more after so many milliseconds. */
const DEATH_BAR = 2_000;

/** What a change of members costs a host, how even flows are, and how long a dead member is still used. */
export async function run(): Promise<BenchResult> {
  return {
    name: "services",
    method: `${SERVICES} services with ${MEMBERS} members each, medians of ${ROUNDS} changes; ${FLOWS} UDP flows to 8 members on 3 hosts; ${DEATHS} servers killed, default check`,
    rows: [...changes(), ...(await spread()), ...(await deaths())],
  };
}

function changes(): BenchRow[] {
  const name = `rombench-${process.pid}`;
  createNamespace(name);
  const kernel = createLinuxKernel({ namespace: namespacePath(name) });
  try {
    const first = timed(() => serviceRules(known(), HOST));
    const bare = { ...first.result, pools: new Map(), ports: new Map(), hairpins: new Map() };
    const whole = timed(() => {
      kernel.runNft(renderServiceTable(first.result));
    });
    kernel.runNft(renderServiceTable(bare));
    let made = follow(kernel, serviceTableState(bare), first.result);
    const table = made;
    const costs: number[] = [];
    let rules = first.result;
    for (let round = 0; round < ROUNDS; round++) {
      const { result, time } = timed(() => {
        rules = serviceRules(known(round), HOST, rules.pools);
        return follow(kernel, made.state, rules);
      });
      made = result;
      costs.push(time);
    }
    return [
      { what: "rules of the whole table", value: first.time, unit: "ms" },
      {
        what: "whole table, step by step",
        value: table.times.reduce((sum, time) => sum + time, 0),
        unit: "ms",
      },
      {
        what: "longest of its steps",
        value: Math.max(...table.times),
        unit: "ms",
        bar: { relation: "at most", value: STEP_BAR },
      },
      { what: "whole table in one transaction", value: whole.time, unit: "ms" },
      {
        what: "one member more and one less, from news to kernel",
        value: median(costs),
        unit: "ms",
        bar: { relation: "at most", value: CHANGE_BAR },
      },
    ];
  } finally {
    kernel.close();
    deleteNamespace(name);
  }
}

/** Flows of a client to eight members, then to nine. */
async function spread(): Promise<BenchRow[]> {
  const names = Array.from({ length: 9 }, (_, index) => `web${index + 1}`);
  const members = Object.fromEntries(names.map((name, index) => [name, ((index % 3) + 1) as 1 | 2 | 3]));
  const scene = await ServiceScene.create({ ...members, client1: 1 });
  try {
    const ports = Array.from({ length: FLOWS }, (_, index) => 20_000 + index);
    const { namespace, addresses } = scene.party("client1");
    const ask = async (healthy: readonly string[]): Promise<ReadonlyMap<number, string>> => {
      await scene.follow(healthy);
      scene.forgetFlows(1);
      using all = new Members(
        names.map((name) => scene.party(name)),
        4,
      );
      return all.ask(namespace, ownAddress(addresses, 4), ports);
    };
    const before = await ask(names.slice(0, 8));
    const after = await ask(names);
    const even = FLOWS / 8;
    const counts = [...Map.groupBy(before.values(), (name) => name).values()].map(({ length }) => length);
    const moved = ports.filter((port) => before.get(port) !== after.get(port)).length;
    return [
      {
        what: "farthest member from even",
        value: (100 * Math.max(...counts.map((count) => Math.abs(count - even)))) / even,
        unit: "%",
        bar: { relation: "at most", value: SPREAD_BAR },
      },
      {
        what: "new flows that go elsewhere with a ninth member",
        value: moved / even,
        unit: "shares",
        bar: { relation: "at most", value: MOVED_BAR },
      },
    ];
  } finally {
    scene.close();
  }
}

/** From the end of a server until no host leads flows to it. */
async function deaths(): Promise<BenchRow[]> {
  const site = await AgentSite.create({ hosts: 3 });
  const times: number[] = [];
  try {
    await site.client.call("updateNetwork", {
      params: { network: "default" },
      body: { services: { ipv4: "172.30.0.0/24" } },
    });
    await site.startAgents();
    await site.client.call("createService", {
      body: {
        name: "www",
        tenant: "acme",
        segment: "web",
        addresses: { ipv4: "172.30.0.10" },
        ports: [{ protocol: "tcp", port: 80, targetPort: 8080 }],
        health: { protocol: "tcp", port: 8080 },
      },
    });
    const { attach, endpoint } = await site.attach(1, "web1");
    if (attach?.kind !== "netns") throw new Error("no namespace");
    const { ipv4 } = endpoint.addresses;
    if (ipv4 === undefined) throw new Error("no address");
    const member = ` : ${formatAddress(ipv4)}`;
    const isUsed = (): readonly boolean[] =>
      site.hosts.map(({ kernel }) => kernel.listTable(SERVICES_TABLE)?.includes(member) === true);
    for (let round = 0; round < DEATHS; round++) {
      const server = await serve(attach.netns);
      await until("all hosts use it", () => {
        if (isUsed().includes(false)) throw new Error("not yet");
      });
      const start = performance.now();
      server.kill("SIGKILL");
      await until("no host uses it", () => {
        if (isUsed().includes(true)) throw new Error("not yet");
      });
      times.push(performance.now() - start);
    }
  } finally {
    await site.close();
  }
  return [
    { what: "a killed server is out on all hosts, median", value: median(times), unit: "ms" },
    {
      what: "a killed server is out on all hosts, longest",
      value: Math.max(...times),
      unit: "ms",
      bar: { relation: "at most", value: DEATH_BAR },
    },
  ];
}

async function serve(namespace: string): Promise<ChildProcess> {
  const program = 'require("node:net").createServer().listen(8080, () => console.log("listening"))';
  const child = inNamespace(namespace, () =>
    spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "inherit"] }),
  );
  await new Promise((resolve) => child.stdout?.once("data", resolve));
  return child;
}

const HOST: Host = { name: "host-0", id: 0, group: [], underlay: {} };

/** Services each in front of a segment; the one of that number lacks its first member. */
function known(lacking = -1): KnownServices {
  const services = Array.from(
    { length: SERVICES },
    (_, index): Service => ({
      name: `service-${index}`,
      network: "default",
      tenant: "acme",
      segment: `segment-${index}`,
      addresses: { ipv4: parseAddress(`172.30.0.${index + 1}`) },
      ports: [{ protocol: "tcp", port: 80, targetPort: 8080 }],
    }),
  );
  const backends = services.map(
    ({ network, tenant, segment }, index): SegmentBackends => ({
      network,
      tenant,
      segment,
      backends: Array.from({ length: MEMBERS }, (_, member) => ({
        host: `host-${(member % 20) + 1}`,
        addresses: { ipv4: parseAddress(`10.${(member % 20) + 1}.${index}.${member}`) },
      })).slice(index === lacking ? 1 : 0),
    }),
  );
  const network = {
    name: "default",
    plans: {},
    groups: [],
    services: { ipv4: parsePrefix("172.30.0.0/24") },
  };
  return { networks: [network], segments: [], services, backends };
}

/** Makes the kernel's table what the rules say; the times of the transactions in milliseconds. */
function follow(
  kernel: Kernel,
  before: ServiceTableState,
  rules: ServiceRules,
): { readonly state: ServiceTableState; readonly times: readonly number[] } {
  let state = before;
  const times = [...serviceSteps(before, rules)].map(({ text, after }) => {
    state = after;
    return timed(() => {
      kernel.runNft(text);
    }).time;
  });
  return { state, times };
}

function timed<T>(work: () => T): { readonly result: T; readonly time: number } {
  const start = performance.now();
  const result = work();
  return { result, time: performance.now() - start };
}
