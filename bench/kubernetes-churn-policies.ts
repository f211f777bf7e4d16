import { setTimeout as wait } from "node:timers/promises";
import { type Address, parseAddress } from "../src/net/index.ts";
import { openSocket } from "../src/system/sockets.ts";
import { ApiClient, type ApiSettings } from "./api-client.ts";
import { machineTime } from "./machine-time.ts";

/** What the process that changes a policy is told, as JSON in its first argument. */
export interface PolicySettings {
  readonly api: ApiSettings;
  /** Path of the NetworkPolicy. */
  readonly path: string;
  /** Port that it allows at first, and the one that takes turns with it. */
  readonly ports: readonly [number, number];
  /** Namespace of the pod that sends. */
  readonly source: string;
  /** Pods that the policy is about: namespace and address, one on each host. */
  readonly targets: readonly { readonly namespace: string; readonly address: string }[];
  /** Between two changes, in milliseconds. */
  readonly pause: number;
}

/** One change of the policy. */
export interface PolicyChange {
  /** When it was asked for, and when the API server had answered, by {@link machineTime}. */
  readonly asked: number;
  readonly answered: number;
  /** From when on every host let the newly allowed packets through; undefined when that took too long. */
  readonly enforced: number | undefined;
  /** Packets to the port that is not allowed any more that arrived after that. */
  readonly leaks: number;
}

/** Milliseconds between two looks at the hosts. */
const TICK = 2;
/** So many looks in a row have to be right. */
const STEADY = 10;
/** So many looks are not over yet: packets are on their way. */
const UNDERWAY = 4;
/** Milliseconds in which a packet has arrived if it arrives. */
const FLIGHT = 20;
/** Milliseconds that a change may take. */
const LONGEST = 3_000;

interface Target {
  readonly address: Address;
  readonly listeners: readonly ReturnType<typeof openSocket>[];
}

/** Changes the policy, and sends to the port that it allows now until all targets hear all of it. */
async function change(
  settings: PolicySettings,
  client: ApiClient,
  targets: readonly Target[],
  round: number,
): Promise<PolicyChange> {
  const allowed = (round + 1) % 2;
  const [port, otherPort] = [settings.ports[allowed], settings.ports[1 - allowed]] as [number, number];
  // A new port each time: nothing of this is part of a connection that may go on.
  const sender = openSocket("udp", 4, settings.source);
  const sent: number[] = [];
  const heard: number[] = [];
  const asked = machineTime();
  let answered = 0;
  const patched = client
    .patch(settings.path, { spec: { ingress: [{ ports: [{ protocol: "UDP", port }] }] } })
    .then(() => {
      answered = machineTime();
    });
  try {
    for (;;) {
      const look = sent.length;
      sent.push(machineTime());
      heard.push(0);
      for (const { address } of targets) sender.send(Buffer.from(`${round} ${look}`), { address, port });
      await wait(TICK);
      for (const text of take(targets, allowed)) {
        const [ofRound, at] = text.split(" ").map(Number) as [number, number];
        if (ofRound === round) heard[at] = (heard[at] as number) + 1;
      }
      let right = Math.max(0, sent.length - UNDERWAY);
      while (right > 0 && heard[right - 1] === targets.length) right--;
      const isSteady = answered > 0 && sent.length - UNDERWAY - right >= STEADY;
      if (!isSteady && machineTime() - asked < LONGEST) continue;
      await patched;
      if (!isSteady) return { asked, answered, enforced: undefined, leaks: 0 };
      const leaks = await leaksOf(settings, targets, otherPort, 1 - allowed);
      return { asked, answered, enforced: sent[right] as number, leaks };
    }
  } finally {
    sender.close();
  }
}

/** Sends to a port that is closed, and counts what arrives. */
async function leaksOf(
  { source }: PolicySettings,
  targets: readonly Target[],
  port: number,
  listener: number,
): Promise<number> {
  take(targets, listener);
  const sender = openSocket("udp", 4, source);
  for (const { address } of targets) sender.send(Buffer.from("leak"), { address, port });
  await wait(FLIGHT);
  sender.close();
  return take(targets, listener).filter((text) => text === "leak").length;
}

/** What has arrived at one of the listeners of all targets. */
function take(targets: readonly Target[], listener: number): readonly string[] {
  return targets.flatMap(({ listeners }) => {
    const texts: string[] = [];
    for (;;) {
      const got = listeners[listener]?.receive();
      if (got?.type !== "data") return texts;
      texts.push(got.bytes.toString());
    }
  });
}

/** Changes the policy until it is asked what came of it. */
async function main(settings: PolicySettings): Promise<void> {
  const client = new ApiClient(settings.api);
  const targets = settings.targets.map(({ namespace, address }): Target => {
    const listeners = settings.ports.map((port) => {
      const listener = openSocket("udp", 4, namespace);
      listener.bind({ address: { family: 4, value: 0n }, port });
      return listener;
    });
    return { address: parseAddress(address), listeners };
  });
  let isAsked = false;
  process.once("message", () => {
    isAsked = true;
  });
  const changes: PolicyChange[] = [];
  while (!isAsked) {
    changes.push(await change(settings, client, targets, changes.length));
    await wait(settings.pause);
  }
  process.send?.(changes);
  process.disconnect();
}

await main(JSON.parse(process.argv[2] as string) as PolicySettings);
