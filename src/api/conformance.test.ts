import { describe, expect, test } from "vitest";
import { type ErrorCode, RomanaError } from "../model/index.ts";
import {
  COMMON_ERRORS,
  CONTRACT,
  decodeWith,
  type Operation,
  PROBLEM_TITLES,
  problemSchema,
  type RouteContract,
  STATUS_OF_CODE,
} from "../schema/index.ts";
import { type OpenApiDocument, openApiDocument } from "./openapi.ts";
import { problemOf } from "./problem.ts";
import { createSeed, createTestApp, SEED_NETWORK, type TestApp } from "./test-app.case.ts";

const OPERATIONS = Object.entries<RouteContract>(CONTRACT) as [Operation, RouteContract][];

const NATIVE_POLICY = {
  name: "p",
  direction: "ingress",
  applied_to: [{ tenant: "t3", segment: "s2" }],
  ingress: [{ peers: [{ peer: "any" }], rules: [{ protocol: "tcp", ports: [80] }] }],
};

/** Every operation once, in an order in which they succeed; `watch` does not end and has tests of its own. */
const SCENARIO: [Exclude<Operation, "watch">, string, unknown?][] = [
  [
    "createNetwork",
    "/v1/networks",
    { ...SEED_NETWORK, name: "other", plans: { ipv4: { ...SEED_NETWORK.plans.ipv4, prefix: "11.0.0.0/8" } } },
  ],
  ["listNetworks", "/v1/networks"],
  ["getNetwork", "/v1/networks/other"],
  ["updateNetwork", "/v1/networks/other", { groups: [] }],
  ["deleteNetwork", "/v1/networks/other"],
  ["createHost", "/v1/hosts", { name: "h3", underlay: { ipv4: "192.0.2.3" } }],
  ["listHosts", "/v1/hosts"],
  ["getHost", "/v1/hosts/h3"],
  ["updateHost", "/v1/hosts/h3", { underlay: { ipv4: "192.0.2.33", ipv6: "2001:db8::33" } }],
  ["createTenant", "/v1/tenants", { name: "t3", id: 7, isolation: "none", quota: 5, externalId: "x" }],
  ["listTenants", "/v1/tenants?externalId=x"],
  ["getTenant", "/v1/tenants/t3"],
  ["updateTenant", "/v1/tenants/t3", { isolation: "tenant", quota: null }],
  ["createSegment", "/v1/tenants/t3/segments", { name: "s", codes: [3, "9+1"] }],
  ["createSegment", "/v1/tenants/t3/segments", { name: "s2", labels: { app: "x" } }],
  ["listSegments", "/v1/tenants/t3/segments"],
  ["listAllSegments", "/v1/segments?limit=1"],
  ["getSegment", "/v1/tenants/t3/segments/s"],
  ["updateSegment", "/v1/tenants/t3/segments/s", { codes: [3], externalId: "y" }],
  ["createEndpoint", "/v1/endpoints", { host: "h3", tenant: 7, segment: 3, name: "e" }],
  ["listEndpoints", "/v1/endpoints?host=h3"],
  ["getEndpoint", "/v1/endpoints/e"],
  ["updateEndpoint", "/v1/endpoints/e", { externalId: "z" }],
  ["viewHost", "/v1/hosts/h3/view"],
  [
    "putHostStatus",
    "/v1/hosts/h3/status",
    {
      observedRevision: 1,
      state: "ok",
      problems: [],
      routes: [
        {
          destination: "10.1.0.0/16",
          type: "unicast",
          gateway: "192.0.2.1",
          device: "eth0",
          state: "present",
        },
      ],
      attachments: 1,
      version: "0.1.0",
      reportedAt: 1,
    },
  ],
  ["getHostStatus", "/v1/hosts/h3/status"],
  ["updateEndpoint", "/v1/endpoints/e", { actsAs: "s2" }],
  ["listExceptions", "/v1/exceptions"],
  ["createPolicy", "/v1/policies", NATIVE_POLICY],
  ["listPolicies", "/v1/policies"],
  ["getPolicy", "/v1/policies/p"],
  ["getPolicyCounters", "/v1/policies/p/counters"],
  ["getCounters", "/v1/policy-counters"],
  ["replacePolicy", "/v1/policies/p?pending=true", { ...NATIVE_POLICY, applied_to: [{ tenant: "later" }] }],
  ["applyPolicies", "/v1/policy-changes", { policies: [NATIVE_POLICY], confirmWithin: 60 }],
  ["listPolicyTrials", "/v1/policy-trials"],
  ["confirmPolicyTrial", "/v1/policy-trials/26/confirm"],
  ["viewHost", "/v1/hosts/h3/view"],
  ["deletePolicy", "/v1/policies/p"],
  ["putWorkload", "/v1/workloads/6f1c-2a", { tenant: "t3", segment: "s2", actsAs: "s", name: "w" }],
  ["getWorkload", "/v1/workloads/6f1c-2a"],
  ["listWorkloads", "/v1/workloads?tenant=t3"],
  ["createEndpoint", "/v1/endpoints", { host: "h3", workload: "6f1c-2a", requestToken: "w/eth0" }],
  ["putWorkload", "/v1/workloads/6f1c-2a", { tenant: "t3", segment: "s2" }],
  ["deleteWorkload", "/v1/workloads/6f1c-2a"],
  ["deleteEndpoint", "/v1/endpoints/w"],
  [
    "createVirtualIp",
    "/v1/virtual-ips",
    {
      name: "v",
      addresses: { ipv4: "192.0.2.80" },
      hosts: { labels: [{ key: "edge", operator: "Exists" }] },
    },
  ],
  ["updateVirtualIp", "/v1/virtual-ips/v", { hosts: { names: ["h3"] }, externalId: "u" }],
  ["getVirtualIp", "/v1/virtual-ips/v"],
  ["listVirtualIps", "/v1/virtual-ips"],
  [
    "sendHeartbeat",
    "/v1/hosts/h3/heartbeats",
    { life: "a", number: 1, subnets: ["192.0.2.0/24"], held: [], refused: [{ name: "v", reason: "taken" }] },
  ],
  ["deleteVirtualIp", "/v1/virtual-ips/v"],
  ["createSegment", "/v1/tenants/t3/segments", { name: "fw", codes: [6] }],
  ["updateNetwork", "/v1/networks/seed", { services: { ipv4: "172.20.0.0/24" } }],
  [
    "createService",
    "/v1/services",
    {
      name: "v",
      network: "seed",
      tenant: "t3",
      segment: "s2",
      ports: [{ protocol: "tcp", port: 80, targetPort: "http" }],
      health: { protocol: "icmp" },
    },
  ],
  ["updateService", "/v1/services/v", { affinity: "client", dnsName: "v.example", externalId: "u" }],
  ["getService", "/v1/services/v"],
  ["listServices", "/v1/services"],
  [
    "createChain",
    "/v1/chains",
    {
      name: "c",
      network: "seed",
      from: { cidr: "192.0.2.0/24" },
      to: { service: "v" },
      through: [{ tenant: "t3", segment: "fw", health: { protocol: "http", port: 80, path: "/up" } }],
    },
  ],
  ["updateChain", "/v1/chains/c", { from: { any: true }, direction: "forward", externalId: "u" }],
  ["getChain", "/v1/chains/c"],
  ["listChains", "/v1/chains"],
  ["listBackends", "/v1/backends"],
  ["viewHost", "/v1/hosts/h3/view"],
  ["deleteChain", "/v1/chains/c"],
  ["deleteService", "/v1/services/v"],
  ["listRoutes", "/v1/routes?host=h3"],
  ["summarizeRoutes", "/v1/routes/summary"],
  ["getUsage", "/v1/ipam/usage"],
  ["checkIpam", "/v1/ipam/check", { repair: true }],
  ["deleteEndpoint", "/v1/endpoints/e?dryRun=true"],
  ["deleteEndpoint", "/v1/endpoints/e"],
  ["deleteSegment", "/v1/tenants/t3/segments/s"],
  ["deleteTenant", "/v1/tenants/t3?cascade=true"],
  ["deleteHost", "/v1/hosts/h3"],
  ["getHealth", "/healthz"],
  ["getReadiness", "/readyz"],
  ["getMetrics", "/metrics"],
  ["getOpenApi", "/openapi.json"],
  ["deleteHost", "/v1/hosts/h1?cascade=true"],
  ["deleteHost", "/v1/hosts/h2?cascade=true"],
  [
    "createNetwork",
    "/v1/networks",
    {
      name: "racked",
      plans: {
        ipv4: {
          prefix: "11.0.0.0/8",
          groupLevels: [{ name: "rack", bits: 4 }],
          hostBits: 8,
          tenantBits: 6,
          segmentBits: 3,
          endpointBits: 3,
        },
      },
      groups: [{ name: "rack-1", id: 0 }],
    },
  ],
  [
    "putFabric",
    "/v1/fabrics/f",
    {
      name: "f",
      hostAsn: 65010,
      racks: [
        {
          group: ["rack-1"],
          leaves: [{ name: "leaf", asn: 65011, routerId: "192.0.2.1", segment: { ipv4: "192.0.2.1" } }],
        },
      ],
    },
  ],
  ["getFabric", "/v1/fabrics/f"],
  ["listFabrics", "/v1/fabrics"],
  ["deleteFabric", "/v1/fabrics/f"],
  ["deleteNetwork", "/v1/networks/racked"],
];

describe("every operation of the contract", () => {
  test("answers with a status and a body that the contract names", async () => {
    await using api = await createTestApp();
    await createSeed(api);
    for (const [operation, url, body] of SCENARIO) {
      const route: RouteContract = CONTRACT[operation];
      const answer = await api.request(route.method, url, body);
      expect(Object.keys(route.statuses), `${operation}: ${JSON.stringify(answer.body)}`).toContain(
        String(answer.status),
      );
      decodeWith(route.response, `read answer of ${operation}`, answer.body);
      if (route.revision && route.method !== "DELETE") expect(answer.headers).toHaveProperty("etag");
    }
    const served = new Set<string>(SCENARIO.map(([operation]) => operation)).add("watch");
    expect([...served].sort()).toEqual(Object.keys(CONTRACT).sort());
  });

  test("is served", async () => {
    await using api = await createTestApp();
    const missing = OPERATIONS.filter(
      ([, { method, path }]) => !api.app.fastify.hasRoute({ method, url: path }),
    );
    expect(missing).toEqual([]);
  });
});

describe("the OpenAPI document", () => {
  const document = openApiDocument(CONTRACT, "1.2.3");

  test.each(OPERATIONS)("has %s with its parameters, statuses and problems", (operationId, route) => {
    const path = route.path.replace(/:([a-z]+)/g, "{$1}");
    const operation = document.paths[path]?.[route.method.toLowerCase()] as {
      parameters?: { name: string; in: string; required?: boolean }[];
      responses: Record<string, { content: object; headers?: object }>;
      requestBody?: object;
    };
    expect(operation).toMatchObject({ operationId, summary: route.summary, tags: [route.tag] });
    const inPath = operation.parameters?.filter((parameter) => parameter.in === "path") ?? [];
    expect(inPath.map(({ name }) => `{${name}}`)).toEqual(path.match(/\{[a-z]+\}/g) ?? []);
    expect(inPath.every(({ required }) => required)).toBe(true);
    expect(operation.requestBody !== undefined).toBe(route.body !== undefined);
    for (const status of Object.keys(route.statuses)) expect(operation.responses).toHaveProperty(status);
    for (const code of [...COMMON_ERRORS, ...route.errors]) {
      const status = code === "revision-mismatch" ? 412 : STATUS_OF_CODE[code];
      expect(operation.responses[status]).toMatchObject({
        description: expect.stringContaining(code) as string,
      });
    }
  });

  test("refers to schemas that are there, and to all of them", () => {
    expect(referencesOf(document)).toEqual(new Set(Object.keys(document.components.schemas)));
  });

  test("has no two operations of the same ID", () => {
    const ids = Object.values(document.paths).flatMap((operations) =>
      Object.values(operations).map((operation) => (operation as { operationId: string }).operationId),
    );
    expect(ids).toHaveLength(OPERATIONS.length);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test("is served as it is", async () => {
    await using api = await createTestApp();
    const { body } = await api.request("GET", "/openapi.json");
    expect(body).toEqual({ ...document, info: { ...document.info, version: "0.0.0" } });
  });
});

describe("every error code", () => {
  const codes = Object.keys(STATUS_OF_CODE) as ErrorCode[];

  test.each(codes)("%s has a problem document with its own title and status", (code) => {
    const { status, headers, problem } = problemOf(new RomanaError("Cannot do it", { code } as never));
    expect(decodeWith(problemSchema, "read problem", problem)).toEqual({
      type: `urn:romana:error:${code}`,
      title: PROBLEM_TITLES[code],
      status,
      detail: "Cannot do it",
      code,
    });
    expect(status).toBe(STATUS_OF_CODE[code]);
    expect(Object.hasOwn(headers, "retry-after")).toBe(status === 503);
  });

  test("has a title of its own", () => {
    expect(new Set(Object.values(PROBLEM_TITLES)).size).toBe(codes.length);
  });

  /** Requests against the seed that end with each code; a full pool has the 14 free endpoints of a segment. */
  const producers: Partial<Record<ErrorCode, (api: TestApp) => Promise<{ body: { code: string } }>>> = {
    "invalid-input": (api) => api.request("POST", "/v1/tenants", {}),
    "not-found": (api) => api.request("GET", "/v1/tenants/t9"),
    conflict: (api) => api.request("POST", "/v1/tenants", { name: "t1", id: 99 }),
    "in-use": (api) => api.request("DELETE", "/v1/tenants/t1"),
    "revision-mismatch": (api) => api.request("PATCH", "/v1/tenants/t1", { quota: 1 }, { "if-match": '"1"' }),
    "pool-exhausted": async (api) => {
      for (;;) {
        const answer = await api.request("POST", "/v1/endpoints", { host: 1, tenant: 1, segment: "web" });
        if (answer.status !== 201) return answer;
      }
    },
    "quota-exceeded": async (api) => {
      await api.request("POST", "/v1/endpoints", { host: 1, tenant: "t2", segment: "web" });
      return await api.request("POST", "/v1/endpoints", { host: 1, tenant: "t2", segment: "web" });
    },
    compacted: async (api) => {
      await api.store.compact(await api.store.revision());
      return await api.request("GET", "/v1/watch?after=1");
    },
    unavailable: async (api) => {
      await api.store.close();
      return await api.request("POST", "/v1/tenants", { name: "t9" });
    },
    unsupported: (api) => api.request("DELETE", "/v1/tenants"),
  };

  /** Why no request of this suite ends with the code. */
  const reasons: Partial<Record<ErrorCode, string>> = {
    unauthenticated: "romanad has no authentication yet",
    forbidden: "romanad has no authentication yet",
    timeout: "only clients give it, when romanad does not answer",
    aborted: "needs more lost races than a store in memory can have",
    "command-failed": "romanad runs no commands; agents do",
    "kernel-refused": "romanad asks nothing of the kernel; agents do",
    internal: "app.test.ts makes control throw",
  };

  test.each(Object.entries(producers))("%s is the answer to a request", async (code, produce) => {
    await using api = await createTestApp();
    await createSeed(api);
    expect((await produce(api)).body.code).toBe(code);
  });

  test("is produced, or there is a reason why not", () => {
    expect([...Object.keys(producers), ...Object.keys(reasons)].sort()).toEqual([...codes].sort());
  });
});

/** Names of the components that are referred to anywhere in the document. */
function referencesOf(document: OpenApiDocument): Set<string> {
  const text = JSON.stringify(document);
  return new Set([...text.matchAll(/"#\/components\/schemas\/([^"]+)"/g)].map((match) => match[1] as string));
}
