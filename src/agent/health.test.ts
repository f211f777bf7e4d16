import { beforeEach, describe, expect, test } from "vitest";
import { AgentScene, NAMESPACE } from "../../test/support/agent-scene.ts";
import { hostView } from "../../test/support/agent-view.ts";
import { FakeRomanad } from "../../test/support/fake-romanad.ts";
import type { HealthCheck } from "../model/index.ts";
import { formatAddress, parseAddress } from "../net/index.ts";
import type { HostSnapshot } from "../schema/index.ts";
import type { Probe } from "./health-prober.ts";

const CHECK: HealthCheck = {
  protocol: "tcp",
  port: "http",
  interval: 500,
  timeout: 500,
  failures: 2,
  successes: 2,
};
const FIRST = "10.1.1.17";

let scene: AgentScene;
let probes: Probe[];
let isAnswering: boolean;

/** A view with a service in front of acme/web, and these healthy members. */
function view(members: readonly string[], health: HealthCheck | undefined = CHECK): HostSnapshot {
  const base = hostView();
  const place = { network: "default", tenant: "acme", segment: "web" };
  return {
    ...base,
    segments: base.segments.map((segment) =>
      segment.tenant === "acme" && segment.name === "web"
        ? { ...segment, ports: [{ name: "http", protocol: 6, port: 8080 }] }
        : segment,
    ),
    services: [
      {
        name: "www",
        ...place,
        addresses: { ipv4: parseAddress("172.30.0.1") },
        ports: [{ protocol: "tcp", port: 80 }],
        ...(health && { health }),
        revision: 30,
      },
    ],
    backends: [
      {
        ...place,
        backends: members.map((address) => ({ host: "host-1", addresses: { ipv4: parseAddress(address) } })),
        revision: 31,
      },
    ],
  };
}

async function start(snapshot: HostSnapshot): Promise<void> {
  scene = new AgentScene({ romanad: new FakeRomanad(snapshot) });
  scene.romanad.answerBeat = () => ({ hold: [], next: 2_000 });
  scene.probe = (probe) => {
    probes.push(probe);
    return Promise.resolve(isAnswering);
  };
  await scene.start();
}

async function attach(): Promise<void> {
  await scene.agent.attach({
    tenant: "acme",
    segment: "web",
    requestToken: "one",
    attach: { kind: "netns", netns: NAMESPACE, interface: "eth0" },
  });
}

function told(): readonly (readonly string[] | undefined)[] {
  return scene.romanad.heartbeats.map(({ healthy }) => healthy);
}

beforeEach(() => {
  probes = [];
  isAnswering = true;
});

describe("the health of endpoints", () => {
  test("is told at once when an endpoint answers, and every 2 s", async () => {
    await start(view([]));
    expect(told()).toEqual([]);
    await attach();
    await scene.timers.advance(100);
    expect(told().at(-1)).toEqual([FIRST]);
    const before = told().length;
    await scene.timers.advance(10_000);
    expect(told().length - before).toBe(5);
  });

  test("is told at once when it does not answer any more", async () => {
    await start(view([]));
    await attach();
    await scene.timers.advance(100);
    isAnswering = false;
    await scene.timers.advance(1_100);
    expect(told().at(-1)).toEqual([]);
  });

  test("is looked at from the gateway's address, at the port that the segment names", async () => {
    await start(view([]));
    await attach();
    await scene.timers.advance(10);
    expect(probes[0]).toMatchObject({ protocol: "tcp", port: 8080, timeout: 500 });
    expect(probes[0] && [probes[0].address, probes[0].source].map(formatAddress)).toEqual([
      FIRST,
      "10.1.0.1",
    ]);
  });

  test("is what romanad has said last, after a restart, until probes say something else", async () => {
    await start(view([FIRST]));
    await attach();
    await scene.kill();
    isAnswering = false;
    scene.romanad.heartbeats.length = 0;
    await scene.start();
    expect(told()[0]).toEqual([FIRST]);
    await scene.timers.advance(1_100);
    expect(told().at(-1)).toEqual([]);
  });

  test("is nobody's business before romanad has told of a service, or with none here", async () => {
    await start(hostView());
    await attach();
    await scene.timers.advance(10_000);
    expect(told()).toEqual([]);
    expect(probes).toEqual([]);
  });

  test("without checks the host only says that it lives", async () => {
    const { health: _, ...bare } = view([]).services[0] as NonNullable<HostSnapshot["services"][0]>;
    await start({ ...view([]), services: [bare] });
    await attach();
    await scene.timers.advance(4_100);
    expect(told()).toEqual([[], [], []]);
    expect(probes).toEqual([]);
  });

  test("ends with the endpoint", async () => {
    await start(view([]));
    await attach();
    await scene.timers.advance(100);
    await scene.agent.detach("one");
    await scene.timers.advance(100);
    expect(told().at(-1)).toEqual([]);
    const before = told().length;
    await scene.timers.advance(10_000);
    expect(told()).toHaveLength(before);
  });

  test("ten seconds without romanad, and it is told again", async () => {
    await start(view([]));
    await attach();
    scene.romanad.leave();
    await scene.timers.advance(10_000);
    scene.romanad.comeBack();
    scene.romanad.heartbeats.length = 0;
    await scene.timers.advance(2_000);
    expect(told()[0]).toEqual([FIRST]);
  });

  test("is in the heartbeats for virtual IPs from the first one on, and they in its own", async () => {
    const addresses = { ipv4: parseAddress("192.168.0.200") };
    const virtualIps = [{ name: "www", addresses, holder: "host-1", since: 1, revision: 30 }];
    await start({ ...view([FIRST]), virtualIps });
    await attach();
    await scene.kill();
    scene.romanad.heartbeats.length = 0;
    scene.romanad.answerBeat = () => ({ hold: [{ name: "www", addresses }], next: 2_000 });
    await scene.start();
    await scene.timers.advance(4_000);
    expect(new Set(told().map((healthy) => healthy?.join()))).toEqual(new Set([FIRST]));
    expect(scene.romanad.heartbeats.at(-1)?.held).toEqual(["www"]);
    expect(told().length).toBeGreaterThan(9);
  });
});
