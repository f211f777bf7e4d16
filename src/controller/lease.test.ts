import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FakeApiServer } from "../../test/support/fake-api-server.ts";
import { until } from "../../test/support/until.ts";
import { sleep } from "../client/index.ts";
import { RomanaError } from "../model/index.ts";
import { type ApiCall, ApiServer } from "./api-server.ts";
import { Elector } from "./lease.ts";

const LEASES = "/apis/coordination.k8s.io/v1/leases";
const SILENT = { debug() {}, info() {}, warn() {}, error() {} };
/** Milliseconds. */
const DURATION = 300;

let server: FakeApiServer;
let candidates: Candidate[];

/** Somebody who may lead, with a connection of its own. */
class Candidate {
  readonly elector: Elector;
  readonly stop = new AbortController();
  readonly #api = new ApiServer(server.config);
  readonly #ended: Promise<void>;
  isAway = false;

  constructor(identity: string, lead: (signal: AbortSignal) => Promise<void>) {
    const api = {
      call: async (call: ApiCall) => {
        // Nobody answers.
        if (this.isAway) await sleep(call.timeout ?? 0, call.signal).catch(() => undefined);
        if (this.isAway) throw new RomanaError("away", { code: "unavailable" });
        return this.#api.call(call);
      },
    };
    this.elector = new Elector({
      api,
      identity,
      namespace: "kube-system",
      name: "lead",
      duration: DURATION,
      log: SILENT,
      now: () => performance.now(),
      sleep,
      random: Math.random,
    });
    this.#ended = this.elector.run(this.stop.signal, lead);
    this.#ended.catch(() => undefined);
    candidates.push(this);
  }

  async end(): Promise<void> {
    this.stop.abort();
    await this.#ended.catch(() => undefined);
    await this.#api.close();
  }

  ended(): Promise<void> {
    return this.#ended;
  }
}

const whole = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    signal.addEventListener("abort", () => {
      resolve();
    });
  });
const leads = (candidate: Candidate): Promise<void> =>
  until("it leads", () => {
    expect(candidate.elector.isLeading).toBe(true);
  });
const lease = () => server.get(LEASES, "lead", "kube-system")?.["spec"] as Record<string, unknown>;

beforeEach(async () => {
  server = await FakeApiServer.start();
  candidates = [];
});

afterEach(async () => {
  await Promise.all(candidates.map((candidate) => candidate.end()));
  await server.close();
});

describe("Elector", () => {
  test("the first one makes the lease, leads and renews; the second one waits", async () => {
    const first = new Candidate("first", whole);
    await leads(first);
    expect(lease()).toMatchObject({ holderIdentity: "first", leaseDurationSeconds: 1, leaseTransitions: 0 });
    expect(lease()["renewTime"]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    const before = lease()["renewTime"];
    const second = new Candidate("second", whole);
    await until("it has renewed", () => {
      expect(lease()["renewTime"]).not.toBe(before);
    });
    expect(second.elector.isLeading).toBe(false);
  });

  test("whoever ends gives it back, and the other one takes over at once", async () => {
    const first = new Candidate("first", whole);
    await leads(first);
    const second = new Candidate("second", whole);
    await first.end();
    expect(lease()["holderIdentity"]).toBe("");
    await leads(second);
    expect(lease()).toMatchObject({ holderIdentity: "second", leaseTransitions: 1 });
  });

  test("who cannot renew stops acting before anybody else begins", async () => {
    const order: string[] = [];
    const acting = (name: string) => async (signal: AbortSignal) => {
      order.push(`${name} begins`);
      await whole(signal);
      order.push(`${name} ends`);
    };
    const first = new Candidate("first", acting("first"));
    await leads(first);
    const second = new Candidate("second", acting("second"));
    first.isAway = true;
    await leads(second);
    expect(order).toEqual(["first begins", "first ends", "second begins"]);
    first.isAway = false;
    await second.end();
    await leads(first);
    expect(order.slice(3)).toEqual(["second ends", "first begins"]);
  });

  test("a lease that somebody took from it is not fought for", async () => {
    const first = new Candidate("first", whole);
    await leads(first);
    const thief = { holderIdentity: "thief", leaseDurationSeconds: 3600, renewTime: "now" };
    const before = server.get(LEASES, "lead", "kube-system");
    server.put(LEASES, { metadata: { name: "lead", namespace: "kube-system" }, ...before, spec: thief });
    await until("it has stopped", () => {
      expect(first.elector.isLeading).toBe(false);
    });
    expect(lease()).toEqual(thief);
  });

  test("one that is away for a moment goes on leading", async () => {
    const first = new Candidate("first", whole);
    await leads(first);
    let refusals = 0;
    server.before = () => (refusals++ < 2 ? 503 : undefined);
    await until("it was refused", () => {
      expect(refusals).toBeGreaterThan(4);
    });
    expect(first.elector.isLeading).toBe(true);
    expect(lease()["leaseTransitions"]).toBe(0);
  });

  test("when what it leads fails, so does it", async () => {
    const first = new Candidate("first", () => Promise.reject(new Error("a defect")));
    await expect(first.ended()).rejects.toThrow("a defect");
  });
});
