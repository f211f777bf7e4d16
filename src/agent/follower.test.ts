import { describe, expect, test } from "vitest";
import { endpoint, hostView } from "../../test/support/agent-view.ts";
import { FakeRomanad } from "../../test/support/fake-romanad.ts";
import { ManualTimers, settled } from "../../test/support/manual-timers.ts";
import { RomanaError } from "../model/index.ts";
import type { WatchEvent } from "../schema/index.ts";
import { type Connection, Follower, type FollowerOptions } from "./follower.ts";
import type { ViewChange } from "./host-knowledge.ts";

function follow(romanad: FakeRomanad, options: Partial<FollowerOptions> = {}) {
  const timers = new ManualTimers();
  const changes: ViewChange[] = [];
  const connections: Connection[] = [];
  const follower = new Follower({
    host: "host-1",
    romanad,
    timers,
    random: () => 0,
    seenRevision: 0,
    onChange: (change) => changes.push(change),
    onConnection: (connection) => connections.push(connection),
    ...options,
  });
  const abort = new AbortController();
  const ended = follower.run(abort.signal);
  const stop = async (): Promise<void> => {
    abort.abort();
    await ended;
  };
  return { follower, timers, changes, connections, stop };
}

describe("Follower", () => {
  test("takes a snapshot, then its changes", async () => {
    const romanad = new FakeRomanad();
    const { follower, changes, stop } = follow(romanad);
    await settled();
    romanad.put(endpoint(11));
    await settled();
    expect(changes.map(({ isSnapshot, endpoints }) => [isSnapshot, endpoints])).toEqual([
      [true, []],
      [false, ["10.1.1.27"]],
    ]);
    expect(follower.knowledge?.revision).toBe(41);
    await stop();
  });

  test("waits longer and longer for a romanad that is away, and goes on when it is back", async () => {
    const romanad = new FakeRomanad();
    romanad.leave();
    let asked = 0;
    const view = romanad.view.bind(romanad);
    romanad.view = () => {
      asked += 1;
      return view();
    };
    const { timers, connections, changes, stop } = follow(romanad);
    await timers.advance(10_000);
    expect(asked).toBeGreaterThan(5);
    expect(asked).toBeLessThan(12);
    romanad.comeBack();
    await timers.advance(5_000);
    expect(changes).toHaveLength(1);
    expect(connections.map(({ connected }) => connected)).toEqual([false, true]);
    await stop();
  });

  test("takes a new snapshot when the history is gone", async () => {
    const romanad = new FakeRomanad();
    let watches = 0;
    const watch = romanad.watch.bind(romanad);
    romanad.watch = (...args) => {
      watches += 1;
      if (watches > 1) return watch(...args);
      return {
        [Symbol.asyncIterator]: () => ({
          next: () =>
            Promise.reject(new RomanaError("Cannot watch: compacted", { code: "compacted", oldest: 99 })),
        }),
      };
    };
    const { changes, stop } = follow(romanad);
    await settled();
    expect(changes.map(({ isSnapshot }) => isSnapshot)).toEqual([true, true]);
    await stop();
  });

  test("takes a new snapshot when a connection leads to an older store", async () => {
    const romanad = new FakeRomanad();
    const { follower, connections, stop } = follow(romanad, {
      view: hostView({ revision: 70 }),
      seenRevision: 70,
    });
    await settled();
    expect(follower.knowledge?.revision).toBe(40);
    expect(connections.at(-1)).toEqual({ connected: true, lostRevision: 70 });
    romanad.loseEndpoints(30);
    await settled();
    await stop();
  });

  test("notices behind a watch that reconnected that the store is older", async () => {
    const romanad = new FakeRomanad();
    let reconnect: (() => void) | undefined;
    romanad.watch = async function* (_host, _after, signal, onState): AsyncIterable<WatchEvent> {
      onState({ connected: true });
      reconnect = () => onState({ connected: true });
      await new Promise<void>((resolve) => {
        signal.addEventListener("abort", () => resolve());
      });
      yield* [];
    };
    const { follower, connections, stop } = follow(romanad);
    await settled();
    romanad.loseEndpoints(12);
    reconnect?.();
    await settled();
    expect(follower.knowledge?.revision).toBe(12);
    expect(connections.at(-1)?.lostRevision).toBe(40);
    await stop();
  });

  test("until() waits for what a change brings, but not for ever", async () => {
    const romanad = new FakeRomanad();
    const { follower, timers, stop } = follow(romanad);
    await settled();
    const soon = follower.until(() => follower.knowledge?.endpoints.size === 1, 1_000);
    const never = follower.until(() => false, 1_000);
    romanad.put(endpoint(11));
    await timers.advance(1_000);
    expect(await soon).toBe(true);
    expect(await never).toBe(false);
    await stop();
  });
});
