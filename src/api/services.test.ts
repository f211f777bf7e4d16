import { describe, expect, test } from "vitest";
import { decodeWith, hostViewSchema, watchEventSchema } from "../schema/index.ts";
import { encodeEvent } from "./event.ts";
import { createSeed, createTestApp, type TestApp } from "./test-app.case.ts";

const SERVICE = { name: "shop.web", tenant: "t1", segment: "web", ports: [{ protocol: "tcp", port: 80 }] };
const RECORD = {
  network: "seed",
  tenant: "t1",
  segment: "web",
  backends: [["h1", "10.1.1.17", "fd00:0:0:1:0:10:0:1"]],
};
const BACKENDS = {
  network: "seed",
  tenant: "t1",
  segment: "web",
  backends: [{ host: "h1", addresses: { ipv4: "10.1.1.17", ipv6: "fd00::1:0:10:0:1" } }],
};

async function served(api: TestApp): Promise<void> {
  await createSeed(api);
  await api.request("PATCH", "/v1/networks/seed", {
    services: { ipv4: "172.20.0.0/24", ipv6: "fd20::/112" },
  });
  await api.request("POST", "/v1/services", SERVICE);
  await api.store.transact([], [{ type: "put", key: "backends/seed/t1/web", value: JSON.stringify(RECORD) }]);
}

describe("services over REST", () => {
  test("are in the view of every host with their backends, as agents read them", async () => {
    await using api = await createTestApp();
    await served(api);
    await expect
      .poll(async () => (await api.request("GET", "/v1/hosts/h2/view")).body.backends)
      .toHaveLength(1);
    const { body } = await api.request("GET", "/v1/hosts/h2/view");
    const service = { ...SERVICE, network: "seed", addresses: { ipv4: "172.20.0.1", ipv6: "fd20::1" } };
    expect(body).toMatchObject({ services: [service], backends: [BACKENDS] });
    expect(decodeWith(hostViewSchema, "read", body).backends[0]?.backends[0]?.addresses.ipv4?.value).toBe(
      0x0a010111n,
    );
    expect((await api.request("GET", "/v1/backends")).body).toMatchObject({ items: [BACKENDS] });
    expect((await api.request("GET", "/v1/services/shop.web")).body).toMatchObject({ healthy: 1 });
  });

  test("are told to who watches, one event for all backends of a segment", async () => {
    await using api = await createTestApp();
    const aborting = new AbortController();
    const kinds = ["services", "backends"] as const;
    await createSeed(api);
    const after = await api.control.revision();
    const events = api.control.watch({ kinds, after, signal: aborting.signal })[Symbol.asyncIterator]();
    await api.request("PATCH", "/v1/networks/seed", { services: { ipv4: "172.20.0.0/24" } });
    await api.request("POST", "/v1/services", SERVICE);
    await api.store.transact(
      [],
      [{ type: "put", key: "backends/seed/t1/web", value: JSON.stringify(RECORD) }],
    );
    await api.request("DELETE", "/v1/services/shop.web");
    const told: object[] = [];
    for (let count = 0; count < 3; count++) {
      const { value } = await events.next();
      const data = /^data: (.*)$/m.exec(encodeEvent(value).toString())?.[1] ?? "";
      const event: unknown = JSON.parse(data);
      expect(decodeWith(watchEventSchema, "read", event).changes).toHaveLength(1);
      told.push(event as object);
    }
    expect(told).toMatchObject([
      { changes: [{ kind: "services", type: "put", object: { name: "shop.web" } }] },
      { changes: [{ kind: "backends", type: "put", object: BACKENDS }] },
      { changes: [{ kind: "services", type: "delete", object: { name: "shop.web" } }] },
    ]);
    aborting.abort();
    await events.return?.();
  });

  test("change at the revision that was seen only", async () => {
    await using api = await createTestApp();
    await served(api);
    const { headers } = await api.request("GET", "/v1/services/shop.web");
    const patch = { affinity: "client" };
    const seen = { "if-match": headers["etag"] as string };
    expect((await api.request("PATCH", "/v1/services/shop.web", patch, seen)).status).toBe(200);
    expect((await api.request("PATCH", "/v1/services/shop.web", {}, seen)).status).toBe(412);
    expect((await api.request("DELETE", "/v1/services/shop.web", undefined, seen)).status).toBe(412);
    expect((await api.request("DELETE", "/v1/services/shop.web")).body).toMatchObject({ count: 1 });
  });

  test("say what is wrong with them", async () => {
    await using api = await createTestApp();
    await served(api);
    const wrong = { ...SERVICE, name: "b", addresses: { ipv4: "10.1.1.1" } };
    const { status, body } = await api.request("POST", "/v1/services", wrong);
    expect(status).toBe(422);
    expect(body.faults).toEqual([
      {
        path: "addresses.ipv4",
        reason: '10.1.1.1 is not in the service prefix 172.20.0.0/24 of network "seed"',
      },
    ]);
    const used = await api.request("DELETE", "/v1/tenants/t1/segments/web");
    expect(used).toMatchObject({ status: 409, body: { code: "in-use", usedBy: ['service "shop.web"'] } });
  });

  test("are counted", async () => {
    await using api = await createTestApp();
    await served(api);
    const { body } = await api.request("GET", "/metrics");
    expect(body).toContain("romana_backend_writes_total 0\n");
    expect(body).toContain('romana_backends{state="healthy"} ');
  });
});
