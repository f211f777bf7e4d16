import { describe, expect, test } from "vitest";
import { runPlugin } from "./plugin.ts";
import {
  type Asked,
  ATTACHMENT,
  config,
  problem,
  type Reply,
  ScriptedPort,
  variables,
} from "./scripted-port.case.ts";

/** Runs one call; returns exit code, what was printed and what the agent was asked. */
async function call(
  command: string,
  json: unknown,
  reply?: (asked: Asked) => Reply,
  change: Record<string, string> = {},
): Promise<{ readonly exit: number; readonly printed: unknown; readonly asked: readonly Asked[] }> {
  const port = new ScriptedPort(variables(command, change), json, reply);
  const exit = await runPlugin(port);
  return { exit, printed: port.printed, asked: port.asked };
}

const attached = (): Reply => [201, ATTACHMENT];
const RESULT = {
  cniVersion: "1.0.0",
  interfaces: [{ name: "rom0a01011b" }, { name: "eth0", mac: "02:00:00:00:00:01", sandbox: "/run/netns/c1" }],
  ips: [
    { interface: 1, address: "10.1.1.27/32", gateway: "10.1.0.1" },
    { interface: 1, address: "fd00::27/128", gateway: "fd00::1" },
  ],
  routes: [
    { dst: "0.0.0.0/0", gw: "10.1.0.1" },
    { dst: "::/0", gw: "fd00::1" },
  ],
  dns: {},
};

describe("ADD", () => {
  test("asks the agent once and prints the result", async () => {
    const { exit, printed, asked } = await call(
      "ADD",
      config({ socket: "/run/x.sock", network: "blue" }),
      attached,
    );
    expect([exit, printed]).toEqual([0, RESULT]);
    expect(asked).toEqual([
      {
        socket: "/run/x.sock",
        method: "POST",
        path: "/v1/attachments",
        body: {
          tenant: "acme",
          segment: "web",
          externalId: "c1",
          network: "blue",
          requestToken: "cni/net/c1/eth0",
          attach: { kind: "netns", netns: "/run/netns/c1", interface: "eth0" },
        },
      },
    ]);
  });

  test.each<[string, Record<string, unknown>, string, Record<string, unknown>]>([
    ["a pod", {}, "K8S_POD_UID=u-1", { workload: "u-1" }],
    ["an address", { runtimeConfig: { ips: ["10.1.1.27/8", "fd00::27"] } }, "", { address: "10.1.1.27" }],
    [
      "an address by args",
      { args: { cni: { ips: ["10.1.1.27"] } } },
      "IP=10.1.1.9",
      { address: "10.1.1.27" },
    ],
    ["an address by CNI_ARGS", {}, "IgnoreUnknown=1;X=Y;IP=10.1.1.27/8", { address: "10.1.1.27" }],
    [
      "a MAC address",
      { runtimeConfig: { mac: "02:00:00:00:00:09" } },
      "MAC=02:00:00:00:00:08",
      { mac: "02:00:00:00:00:09" },
    ],
    ["a MAC address by CNI_ARGS", {}, "MAC=02:00:00:00:00:08", { mac: "02:00:00:00:00:08" }],
    ["an MTU", { mtu: 1400 }, "", { mtu: 1400 }],
    ["the default socket", {}, "", { socket: "/run/romana/agent.sock" }],
  ])("passes on %s", async (_, change, args, wanted) => {
    const { exit, asked } = await call("ADD", config(change), attached, { CNI_ARGS: args });
    const { body, socket } = asked[0] as Asked;
    const { attach, ...rest } = body as { attach: object };
    expect([exit, { ...rest, ...attach, socket }]).toEqual([0, expect.objectContaining(wanted)]);
  });

  test("of a pod says nothing that its workload says", async () => {
    const { asked } = await call("ADD", config(), attached, { CNI_ARGS: "K8S_POD_UID=u-1" });
    expect(asked[0]?.body).not.toHaveProperty("tenant");
    expect(asked[0]?.body).not.toHaveProperty("segment");
    expect(asked[0]?.body).not.toHaveProperty("externalId");
  });

  test.each<[string, unknown]>([
    ["portMappings, for others of the chain", { runtimeConfig: { portMappings: [{ hostPort: 80 }] } }],
    ["annotations that there are none of", { runtimeConfig: { "io.kubernetes.cri.pod-annotations": null } }],
    ["what asks for nothing", { ipMasq: false, ipam: {}, prevResult: null }],
    ["what libcni leaves in", { capabilities: { mac: true }, disableCheck: true, "cni.dev/attachments": [] }],
  ])("takes %s", async (_, change) => {
    expect((await call("ADD", config(change as Record<string, unknown>), attached)).exit).toBe(0);
  });

  test("gives an address back that does not go with the other one, and fails", async () => {
    const ips = ["10.1.1.27", "fd00::28"];
    const { exit, printed, asked } = await call("ADD", config({ runtimeConfig: { ips } }), attached);
    expect([exit, printed]).toEqual([1, expect.objectContaining({ code: 7 })]);
    expect(asked.map(({ method, path }) => `${method} ${path}`)).toEqual([
      "POST /v1/attachments",
      "DELETE /v1/attachments/cni%2Fnet%2Fc1%2Feth0",
    ]);
  });

  test.each<[string, Reply, number]>([
    ["it is attached already", [200, ATTACHMENT], 120],
    ["the namespace is gone", [404, problem("not-found", { noun: "network namespace" })], 3],
    ["the segment is unknown", [404, problem("not-found", { noun: "segment" })], 101],
    ["the interface is taken", [409, problem("conflict")], 102],
    ["no address is left", [507, problem("pool-exhausted")], 105],
    ["romanad is away", [503, problem("unavailable")], 11],
    ["romanad is slow", [503, problem("timeout")], 11],
    ["it was released meanwhile", [503, problem("aborted")], 11],
    ["the address is none of the plan's", [422, problem("invalid-input")], 7],
    ["the kernel refuses", [500, problem("kernel-refused")], 111],
    ["the agent says what nobody knows", [418, problem("teapot")], 199],
    ["the agent talks nonsense", [200, []], 199],
    ["the agent is not there", "ENOENT", 11],
    ["nobody listens", "ECONNREFUSED", 11],
    ["the agent dies", "ECONNRESET", 11],
    ["the agent takes too long", "ETIMEDOUT", 11],
    ["the socket is not ours", "EACCES", 5],
  ])("fails when %s", async (_, reply, code) => {
    const { exit, printed } = await call("ADD", config(), () => reply);
    expect([exit, printed]).toEqual([
      1,
      { cniVersion: "1.0.0", code, msg: expect.any(String), details: expect.any(String) },
    ]);
  });

  test.each<[string, Record<string, unknown>, number, string]>([
    ["ipMasq", { ipMasq: true }, 2, "ipMasq = true"],
    ["ipam", { ipam: { type: "host-local" } }, 2, 'ipam = {"type":"host-local"}'],
    ["a key that is misspelt", { segmnet: "web" }, 2, 'segmnet = "web"'],
    [
      "a capability that nobody has",
      { runtimeConfig: { bandwidth: { ingressRate: 1 } } },
      2,
      "runtimeConfig.bandwidth",
    ],
    ["no tenant", { tenant: "" }, 7, "tenant is missing"],
    ["no segment", { segment: undefined }, 7, "segment is missing"],
    ["a tenant that is no text", { tenant: 1 }, 7, "tenant is no text"],
    ["an MTU that is too small", { mtu: 1279 }, 7, "mtu is no whole number"],
    ["an MTU that is no number", { mtu: "1500" }, 7, "mtu is no whole number"],
    ["addresses that are none", { runtimeConfig: { ips: "10.1.1.1" } }, 7, "runtimeConfig.ips is no list"],
    ["args that are none", { args: "x" }, 7, "args is no object"],
    ["a socket that is no path", { socket: "agent.sock" }, 7, "socket is"],
    ["a socket that is too long", { socket: `/${"x".repeat(107)}` }, 7, "socket is"],
    ["a name with a slash", { name: "a/b" }, 7, "name is"],
    ["a result that is none", { prevResult: [1] }, 7, "prevResult is no object"],
    ["a result without lists", { prevResult: { ips: {}, interfaces: "x" } }, 7, "prevResult.interfaces"],
    ["an older version", { cniVersion: "0.2.0" }, 1, "0.2.0"],
    ["no version", { cniVersion: undefined }, 1, "no version"],
  ])("refuses %s without asking anybody", async (_, change, code, text) => {
    const { exit, printed, asked } = await call("ADD", config(change), attached);
    expect([exit, asked, printed]).toEqual([1, [], expect.objectContaining({ code })]);
    expect(JSON.stringify(printed).replaceAll('\\"', '"')).toContain(text);
  });
});

describe("DEL", () => {
  test.each<[string, Record<string, unknown>, Record<string, string>]>([
    ["as ADD was called", {}, {}],
    ["without a namespace", {}, { CNI_NETNS: "" }],
    ["without what ADD wants", { tenant: undefined, segment: undefined, ipMasq: true }, {}],
    ["with arguments nobody knows", {}, { CNI_ARGS: "X=Y" }],
  ])("%s detaches", async (_, change, more) => {
    const done = (): Reply => [200, { detached: false, released: false }];
    const { exit, printed, asked } = await call("DEL", config(change), done, more);
    expect([exit, printed]).toEqual([0, undefined]);
    expect(asked.map(({ method, path }) => `${method} ${path}`)).toEqual([
      "DELETE /v1/attachments/cni%2Fnet%2Fc1%2Feth0",
    ]);
  });
  test("fails while the agent is away, for the runtime to come again", async () => {
    expect((await call("DEL", config())).printed).toMatchObject({ code: 11 });
  });
});

describe("CHECK", () => {
  const prevResult = {
    ...RESULT,
    interfaces: [...RESULT.interfaces, { name: "eth1", sandbox: "/run/netns/c1" }],
  };
  test("asks for what the last result says of the interface", async () => {
    const ips = [...RESULT.ips, { address: "192.0.2.1/24", interface: 2 }, { address: "192.0.2.2/24" }];
    const routes = [...RESULT.routes.slice(1), { dst: "192.0.2.0/24" }];
    const json = config({ prevResult: { ...prevResult, ips, routes } });
    const { exit, printed, asked } = await call("CHECK", json, () => [200, { problems: [] }]);
    expect([exit, printed]).toEqual([0, undefined]);
    expect(asked).toMatchObject([
      {
        method: "POST",
        path: "/v1/attachments/cni%2Fnet%2Fc1%2Feth0/check",
        body: {
          attach: { netns: "/run/netns/c1", interface: "eth0" },
          addresses: ["10.1.1.27/32", "fd00::27/128"],
          routes: ["::/0"],
        },
      },
    ]);
  });
  test.each<[string, Record<string, unknown>, Reply, object]>([
    [
      "what is wrong",
      { prevResult },
      [200, { problems: ["one", "two"] }],
      { code: 121, details: "one; two" },
    ],
    ["that it is not attached", { prevResult }, [404, problem("not-found")], { code: 122 }],
    ["an answer without problems", { prevResult }, [200, {}], { code: 199 }],
    ["a missing result", {}, [200, { problems: [] }], { code: 7 }],
    [
      "a result of another interface",
      { prevResult: { ...RESULT, interfaces: [] } },
      [200, { problems: [] }],
      { code: 7 },
    ],
    [
      "an older version",
      { prevResult, cniVersion: "0.3.1" },
      [200, { problems: [] }],
      { code: 1, cniVersion: "0.3.1" },
    ],
  ])("tells %s", async (_, change, reply, error) => {
    const { exit, printed } = await call("CHECK", config(change), () => reply);
    expect([exit, printed]).toEqual([1, expect.objectContaining(error)]);
  });
});

describe("GC", () => {
  const items = ["cni/net/c1/eth0", "cni/net/c2/eth0", "cni/net/c2/eth1", "cni/net2/c3/eth0", undefined].map(
    (requestToken) => ({ ...ATTACHMENT, endpoint: { ...ATTACHMENT.endpoint, requestToken } }),
  );
  const json = (valid: unknown, more: object = {}): object =>
    config({ cniVersion: "1.1.0", "cni.dev/valid-attachments": valid, ...more });
  const deleted = (asked: readonly Asked[]): string[] =>
    asked.flatMap(({ method, path }) => (method === "DELETE" ? [decodeURIComponent(path).slice(16)] : []));

  test.each<[string, object, string[]]>([
    [
      "what is not listed",
      json([{ containerID: "c2", ifname: "eth0" }]),
      ["cni/net/c1/eth0", "cni/net/c2/eth1"],
    ],
    ["all for an empty list", json([]), ["cni/net/c1/eth0", "cni/net/c2/eth0", "cni/net/c2/eth1"]],
    ["all for Go's empty list", json(null), ["cni/net/c1/eth0", "cni/net/c2/eth0", "cni/net/c2/eth1"]],
    [
      "what is not listed by the older key",
      json(undefined, { "cni.dev/attachments": [{ containerID: "c1", ifname: "eth0" }] }),
      ["cni/net/c2/eth0", "cni/net/c2/eth1"],
    ],
  ])("removes %s, and nothing of other networks", async (_, input, gone) => {
    const { exit, printed, asked } = await call("GC", input, () => [200, { items }], {});
    expect([exit, printed, deleted(asked)]).toEqual([0, undefined, gone]);
  });

  test("goes on over errors, and tells them", async () => {
    const { exit, printed, asked } = await call("GC", json([]), ({ method, path }) =>
      method === "GET" ? [200, { items }] : path.includes("c1") ? [503, problem("unavailable")] : [200, {}],
    );
    expect(deleted(asked)).toHaveLength(3);
    expect([exit, printed]).toEqual([
      1,
      { cniVersion: "1.1.0", code: 11, msg: "1 of 3 could not be removed", details: "A detail" },
    ]);
  });

  test.each<[string, object]>([
    ["no list", json(undefined)],
    ["an item without ID", json([{ ifname: "eth0" }])],
    ["an item that is none", json(["c1"])],
  ])("removes nothing for %s", async (_, input) => {
    const { printed, asked } = await call("GC", input, () => [200, { items }]);
    expect([printed, asked]).toEqual([expect.objectContaining({ code: 7 }), []]);
  });
});

describe("STATUS", () => {
  const newest = config({ cniVersion: "1.1.0" });
  const status = (romanad: object): Reply => [200, { romanad }];
  test.each<[string, unknown, Reply, number | undefined]>([
    ["all is well", newest, status({ connected: true }), undefined],
    ["romanad is away", newest, status({ connected: false, error: "gone" }), 51],
    ["the agent is not understood", newest, [200, {}], 51],
    ["the agent is away", newest, "ECONNREFUSED", 50],
    ["the socket cannot be used", newest, "EACCES", 50],
    [
      "the configuration is bad",
      config({ cniVersion: "1.1.0", ipMasq: true }),
      status({ connected: true }),
      2,
    ],
    ["the version has no STATUS", config(), status({ connected: true }), 1],
  ])("when %s", async (_, json, reply, code) => {
    const { exit, printed } = await call("STATUS", json, () => reply);
    expect([exit, (printed as { code?: number } | undefined)?.code]).toEqual([
      code === undefined ? 0 : 1,
      code,
    ]);
  });
});

describe("VERSION", () => {
  test.each<[unknown, unknown]>([
    [{ cniVersion: "1.0.0" }, "1.0.0"],
    [{ cniVersion: "9.9.9" }, "9.9.9"],
    [{}, "1.1.0"],
    ["", "1.1.0"],
  ])("for %j answers in version %j", async (json, cniVersion) => {
    expect((await call("VERSION", json)).printed).toEqual({
      cniVersion,
      supportedVersions: ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"],
    });
  });
});

describe("the process", () => {
  test("fails with code 4 when the container's ID leaves no room for a token", async () => {
    const long = { CNI_CONTAINERID: "c".repeat(242) };
    expect((await call("DEL", config(), () => [200, {}], long)).exit).toBe(0);
    const { printed } = await call("DEL", config(), undefined, { CNI_CONTAINERID: "c".repeat(243) });
    expect(printed).toMatchObject({ code: 4, msg: "Invalid environment variables: CNI_CONTAINERID" });
  });
  test("fails with code 5 when its input cannot be read", async () => {
    const { environment, exchange } = new ScriptedPort(variables("ADD"), "");
    let output = "";
    const writeOutput = (text: string): void => {
      output = text;
    };
    const readInput = (): Promise<string> => Promise.reject(new Error("EIO"));
    expect(await runPlugin({ environment, exchange, writeOutput, readInput })).toBe(1);
    expect(JSON.parse(output)).toMatchObject({ code: 5 });
  });
  test("fails when nobody reads its output", async () => {
    const { environment, exchange, readInput } = new ScriptedPort(variables("VERSION"), "{}");
    const writeOutput = (): never => {
      throw new Error("EPIPE");
    };
    expect(await runPlugin({ environment, exchange, readInput, writeOutput })).toBe(1);
  });
});
