import { describe, expect, test } from "vitest";
import type { Control } from "../control/index.ts";
import { RomanaError } from "../model/index.ts";
import { BODY_LIMIT } from "./app.ts";
import { createSeed, createTestApp, SEED_NETWORK } from "./test-app.case.ts";

describe("creation", () => {
  test("answers 201 with ETag and Location, then 200 for the same and 409 for another", async () => {
    await using api = await createTestApp();
    const first = await api.request("POST", "/v1/networks", SEED_NETWORK);
    expect(first).toMatchObject({
      status: 201,
      headers: { location: "/v1/networks/seed", etag: `"${first.body.revision}"` },
      body: { name: "seed", groups: [], plans: { ipv4: { prefix: "10.0.0.0/8", reservedEndpoints: [0] } } },
    });
    expect(await api.request("POST", "/v1/networks", SEED_NETWORK)).toMatchObject({
      status: 200,
      body: first.body,
    });
    const other = { ...SEED_NETWORK, plans: { ipv6: SEED_NETWORK.plans.ipv6 } };
    expect(await api.request("POST", "/v1/networks", other)).toMatchObject({
      status: 409,
      headers: { "content-type": "application/problem+json; charset=utf-8" },
      body: {
        type: "urn:romana:error:conflict",
        code: "conflict",
        status: 409,
        noun: "network",
        name: "seed",
      },
    });
  });

  test("allocates the seed's endpoint: host 1, tenant 1, segment 1, endpoint 11 is 10.1.1.27", async () => {
    await using api = await createTestApp();
    await createSeed(api);
    const body = { host: 1, tenant: "t1", segment: 1, endpointId: 11, name: "web:1", requestToken: "a/b" };
    const created = await api.request("POST", "/v1/endpoints", body);
    expect(created).toMatchObject({
      status: 201,
      headers: { location: "/v1/endpoints/web:1" },
      body: {
        network: "seed",
        host: "h1",
        tenant: "t1",
        segment: "web",
        code: "1",
        endpointId: 11,
        addresses: { ipv4: "10.1.1.27", ipv6: "fd00::100:10:10:b" },
        name: "web:1",
        requestToken: "a/b",
      },
    });
    expect((await api.request("POST", "/v1/endpoints", body)).status).toBe(200);
    for (const ref of ["web:1", "web%3A1", "10.1.1.27", "fd00::100:10:10:b", "fd00:0000:0:0:100:10:10:b"]) {
      expect(await api.request("GET", `/v1/endpoints/${ref}`)).toMatchObject({
        status: 200,
        body: created.body,
      });
    }
  });

  test("names that are keys of every object work for every noun", async () => {
    await using api = await createTestApp();
    for (const name of ["__proto__", "constructor", "toString"]) {
      const plans = {
        ipv4: { ...SEED_NETWORK.plans.ipv4, prefix: name === "__proto__" ? "10.0.0.0/8" : "11.0.0.0/8" },
      };
      if (name !== "toString") {
        expect(await api.request("POST", "/v1/networks", { name, plans })).toMatchObject({ status: 201 });
      }
    }
    for (const name of ["__proto__", "constructor"]) {
      const host = await api.request("POST", "/v1/hosts", { name });
      expect(host).toMatchObject({ status: 201, body: { name } });
      expect(Object.entries(host.body.prefixes).map(([network]) => network)).toEqual([
        "__proto__",
        "constructor",
      ]);
      expect(await api.request("POST", "/v1/tenants", { name })).toMatchObject({ status: 201 });
      expect(await api.request("POST", `/v1/tenants/${name}/segments`, { name })).toMatchObject({
        status: 201,
      });
      const endpoint = { network: name, host: name, tenant: name, segment: name, name };
      expect(await api.request("POST", "/v1/endpoints", endpoint)).toMatchObject({ status: 201 });
      expect(await api.request("GET", `/v1/endpoints/${name}`)).toMatchObject({
        status: 200,
        body: { name },
      });
    }
    expect(await api.request("GET", "/v1/hosts/toString")).toMatchObject({ status: 404 });
    expect(await api.request("GET", "/v1/tenants/hasOwnProperty")).toMatchObject({ status: 404 });
  });
});

test("the longest name of an endpoint is found, percent-encoded or not", async () => {
  await using api = await createTestApp();
  await createSeed(api);
  const name = `a${":".repeat(252)}`;
  await api.request("POST", "/v1/endpoints", { host: "h1", tenant: "t1", segment: "web", name });
  for (const ref of [name, encodeURIComponent(name)]) {
    expect(await api.request("GET", `/v1/endpoints/${ref}`)).toMatchObject({ status: 200, body: { name } });
  }
});

describe("a conflict shows what is in the way, for every noun", () => {
  const cases: [string, unknown, object][] = [
    ["/v1/networks", { ...SEED_NETWORK, plans: { ipv6: SEED_NETWORK.plans.ipv6 } }, { name: "seed" }],
    ["/v1/hosts", { name: "h1", id: 9 }, { name: "h1", id: 1 }],
    ["/v1/tenants", { name: "t2", id: 1 }, { name: "t2", id: 2 }],
    ["/v1/tenants/t1/segments", { name: "web", codes: [7] }, { tenant: "t1", name: "web" }],
    ["/v1/endpoints", { host: "h2", tenant: "t1", segment: "web", name: "e" }, { host: "h1", name: "e" }],
    [
      "/v1/endpoints",
      { host: "h1", tenant: "t1", segment: "web", address: "10.1.1.17" },
      { addresses: { ipv4: "10.1.1.17" }, name: "e" },
    ],
  ];
  test.each(cases)("%s %j", async (url, body, existing) => {
    await using api = await createTestApp();
    await createSeed(api);
    const endpoint = { host: "h1", tenant: "t1", segment: "web", name: "e", address: "10.1.1.17" };
    expect(await api.request("POST", "/v1/endpoints", endpoint)).toMatchObject({ status: 201 });
    expect(await api.request("POST", url, body)).toMatchObject({
      status: 409,
      body: { code: "conflict", existing },
    });
  });
});

describe("If-Match", () => {
  test("lets a change through at the revision and refuses it with 412 at another", async () => {
    await using api = await createTestApp();
    await createSeed(api);
    const { headers } = await api.request("GET", "/v1/tenants/t1");
    const etag = headers["etag"] as string;
    const changed = await api.request(
      "PATCH",
      "/v1/tenants/t1",
      { isolation: "tenant" },
      { "if-match": etag },
    );
    expect(changed).toMatchObject({ status: 200, body: { isolation: "tenant" } });
    expect(changed.headers["etag"]).not.toBe(etag);
    const refused = await api.request("PATCH", "/v1/tenants/t1", { quota: 1 }, { "if-match": etag });
    expect(refused).toMatchObject({
      status: 412,
      body: { code: "revision-mismatch", status: 412, revision: changed.body.revision },
    });
    expect(await api.request("DELETE", "/v1/tenants/t1", undefined, { "if-match": etag })).toMatchObject({
      status: 412,
    });
    expect(await api.request("PATCH", "/v1/tenants/t1", { quota: 1 }, { "if-match": "*" })).toMatchObject({
      status: 200,
    });
    expect(await api.request("PATCH", "/v1/tenants/t1", {}, { "if-match": "42" })).toMatchObject({
      status: 422,
      body: {
        detail:
          'Cannot change isolation, quota, external ID or labels of tenant: If-Match: "42" is not a revision in quotes, such as "42"',
      },
    });
  });
});

describe("delete", () => {
  test("is refused while in use, tells in a dry run, and cascades when asked", async () => {
    await using api = await createTestApp();
    await createSeed(api);
    await api.request("POST", "/v1/endpoints", { host: "h1", tenant: "t1", segment: "web", name: "e1" });
    expect(await api.request("DELETE", "/v1/tenants/t1")).toMatchObject({
      status: 409,
      body: { code: "in-use", noun: "tenant", name: "t1" },
    });
    const dry = await api.request("DELETE", "/v1/tenants/t1?cascade=true&dryRun=true");
    expect(dry).toMatchObject({
      status: 200,
      body: {
        dryRun: true,
        count: 3,
        deleted: [
          { noun: "endpoint", name: "e1" },
          { noun: "segment", name: "t1/web" },
          { noun: "tenant", name: "t1" },
        ],
      },
    });
    expect(await api.request("GET", "/v1/endpoints/e1")).toMatchObject({ status: 200 });
    const real = await api.request("DELETE", "/v1/tenants/t1?cascade=true");
    expect(real.body).toEqual({ ...dry.body, dryRun: false });
    expect(await api.request("GET", "/v1/endpoints/e1")).toMatchObject({ status: 404 });
    expect(await api.request("DELETE", "/v1/tenants/t1")).toMatchObject({ status: 404 });
  });
});

describe("listing", () => {
  test("goes page by page with an opaque cursor", async () => {
    await using api = await createTestApp();
    for (let index = 0; index < 5; index++) await api.request("POST", "/v1/tenants", { name: `t${index}` });
    const names: string[] = [];
    const sizes: number[] = [];
    for (let cursor: string | undefined, more = true; more; ) {
      const query = cursor === undefined ? "" : `&cursor=${encodeURIComponent(cursor)}`;
      const { status, body } = await api.request("GET", `/v1/tenants?limit=2${query}`);
      expect(status).toBe(200);
      names.push(...body.items.map(({ name }: { name: string }) => name));
      sizes.push(body.items.length);
      cursor = body.nextCursor;
      more = cursor !== undefined;
    }
    expect(names).toEqual(["t0", "t1", "t2", "t3", "t4"]);
    expect(sizes).toEqual([2, 2, 1]);
  });

  test("refuses a cursor that it never gave", async () => {
    await using api = await createTestApp();
    expect(await api.request("GET", "/v1/tenants?cursor=nonsense")).toMatchObject({
      status: 422,
      body: { detail: 'Cannot list tenants: cursor: "nonsense" is not a cursor of a page before' },
    });
  });

  test("of endpoints goes by host, tenant, segment and network", async () => {
    await using api = await createTestApp();
    await createSeed(api);
    for (const [name, host, tenant] of [
      ["a", "h1", "t1"],
      ["b", "h2", "t1"],
      ["c", "h1", "t2"],
    ]) {
      await api.request("POST", "/v1/endpoints", { name, host, tenant, segment: "web" });
    }
    const namesOf = async (query: string): Promise<string[]> => {
      const { body } = await api.request("GET", `/v1/endpoints?${query}`);
      return body.items.map(({ name }: { name: string }) => name).sort();
    };
    expect(await namesOf("")).toEqual(["a", "b", "c"]);
    expect(await namesOf("host=h1")).toEqual(["a", "c"]);
    expect(await namesOf("tenant=t1&segment=web")).toEqual(["a", "b"]);
    expect(await namesOf("network=seed&host=h2")).toEqual(["b"]);
  });
});

describe("what is not a proper request is a problem with a clear sentence", () => {
  type Case = [
    string,
    { method?: "GET" | "POST" | "PUT" | "DELETE" | "HEAD"; url: string; body?: string; type?: string },
    number,
    string,
  ];
  const cases: Case[] = [
    [
      "garbage instead of JSON",
      { method: "POST", url: "/v1/tenants", body: "{name: t" },
      400,
      "Cannot read request: the body is not JSON: Expected property name or '}' in JSON at position 1 (line 1 column 2)",
    ],
    ["no body", { method: "POST", url: "/v1/tenants" }, 422, "Cannot create tenant: is missing"],
    [
      "unknown fields",
      { method: "POST", url: "/v1/tenants", body: '{"name":"t","isolatoin":"none","__proto__":{}}' },
      422,
      'Cannot create tenant: isolatoin: unknown field, did you mean "isolation"?; __proto__: unknown field',
    ],
    [
      "an unknown key in the query",
      { url: "/v1/tenants?limits=3" },
      422,
      'Cannot list tenants: limits: unknown field, did you mean "limit"?',
    ],
    [
      "a key twice in the query",
      { url: "/v1/tenants?limit=3&limit=4" },
      422,
      "Cannot list tenants: limit: expected one integer",
    ],
    [
      "another media type",
      { method: "POST", url: "/v1/tenants", body: "name=t", type: "application/x-www-form-urlencoded" },
      415,
      "Cannot read request: Content-Type: only application/json is understood",
    ],
    [
      "an unknown route",
      { url: "/v2/tenants?x=1" },
      404,
      'Cannot find route "GET /v2/tenants", see /openapi.json',
    ],
    [
      "a method that the path does not have",
      { method: "PUT", url: "/v1/tenants" },
      405,
      "Cannot PUT /v1/tenants: only GET, POST is possible here",
    ],
    [
      "a name that cannot be one",
      { url: "/v1/hosts/a%20b" },
      422,
      'Cannot show host: host: "a b" is not a name: 1 to 63 letters, digits, "_", "." or "-", the first a letter, digit or "_"',
    ],
    [
      "a name of 2000 characters",
      { url: `/v1/hosts/${"x".repeat(2000)}` },
      414,
      "Cannot read request: a part of the path is too long",
    ],
    [
      "bad percent-encoding",
      { url: "/v1/hosts/%zz" },
      400,
      "Cannot read request: the path is not percent-encoded UTF-8",
    ],
    [
      "a body that is too large",
      { method: "POST", url: "/v1/tenants", body: `{"name":"${"x".repeat(BODY_LIMIT)}"}` },
      413,
      "Cannot read request: the body is larger than 1048576 bytes",
    ],
  ];
  test.each(cases)("%s", async (_, { method = "GET", url, body, type }, status, detail) => {
    await using api = await createTestApp();
    const answer = await api.request(method, url, body, type === undefined ? {} : { "content-type": type });
    expect(answer).toMatchObject({
      status,
      headers: { "content-type": "application/problem+json; charset=utf-8" },
      body: { status, detail },
    });
  });

  test("405 says which methods there are", async () => {
    await using api = await createTestApp();
    const { headers } = await api.request("DELETE", "/v1/networks");
    expect(headers["allow"]).toBe("GET, POST");
  });
});

describe("errors inside", () => {
  const failing = (error: Error) => (control: Control) => ({
    ...control,
    tenants: { ...control.tenants, get: () => Promise.reject(error) },
  });

  test("are 500, say nothing to the client and everything to the log", async () => {
    await using api = await createTestApp({ wrap: failing(new TypeError("secret is undefined")) });
    const answer = await api.request("GET", "/v1/tenants/t1");
    expect(answer).toMatchObject({ status: 500, body: { code: "internal" } });
    expect(JSON.stringify(answer.body)).not.toContain("secret");
    expect(api.lines.filter(({ level }) => level === "error")).toMatchObject([
      { message: "failed", fields: { err: { message: "secret is undefined" }, url: "/v1/tenants/t1" } },
    ]);
  });

  test("that go away by themselves are 503 with Retry-After", async () => {
    const error = new RomanaError('Cannot write store "/x": disk full', { code: "unavailable" });
    await using api = await createTestApp({ wrap: failing(error) });
    expect(await api.request("GET", "/v1/tenants/t1")).toMatchObject({
      status: 503,
      headers: { "retry-after": "1" },
      body: { code: "unavailable", detail: 'Cannot write store "/x": disk full' },
    });
  });
});

describe("the service itself", () => {
  test("/readyz says whether the store can be reached, /healthz only that the process lives", async () => {
    await using api = await createTestApp();
    expect(await api.request("GET", "/readyz")).toMatchObject({
      status: 200,
      body: { status: "ok", revision: 0 },
    });
    await api.store.close();
    expect(await api.request("GET", "/readyz")).toMatchObject({ status: 503, body: { code: "unavailable" } });
    expect(await api.request("GET", "/healthz")).toMatchObject({ status: 200, body: { status: "ok" } });
  });

  test("/metrics counts requests, allocations and the revision", async () => {
    await using api = await createTestApp();
    await createSeed(api);
    const body = { host: "h1", tenant: "t2", segment: "web", name: "e" };
    await api.request("POST", "/v1/endpoints", body);
    await api.request("POST", "/v1/endpoints", body);
    await api.request("POST", "/v1/endpoints", { ...body, name: "f" });
    await api.request("POST", "/v1/endpoints", { host: 1, tenant: 1, segment: "web", name: "acting" });
    await api.request("POST", "/v1/tenants/t1/segments", { name: "db" });
    await api.request("PATCH", "/v1/endpoints/acting", { actsAs: "db" });
    const { headers, body: text } = await api.request("GET", "/metrics");
    expect(headers["content-type"]).toBe("text/plain");
    const revision = await api.store.revision();
    for (const line of [
      'romana_allocations_total{outcome="created"} 2',
      'romana_allocations_total{outcome="existing"} 1',
      'romana_allocations_total{outcome="quota-exceeded"} 1',
      'romana_http_request_duration_seconds_count{operation="createTenant",status="201"} 2',
      "romana_watchers 0",
      "romana_exceptions 1",
      `romana_store_revision ${revision}`,
    ]) {
      expect(text).toContain(`${line}\n`);
    }
    expect(text).toContain("process_resident_memory_bytes");
  });

  test("the access log has a line for each request at debug", async () => {
    await using api = await createTestApp();
    await api.request("GET", "/healthz");
    expect(api.lines).toMatchObject([
      { level: "debug", message: "request", fields: { method: "GET", url: "/healthz", status: 200 } },
    ]);
  });
});
