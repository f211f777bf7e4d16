import { describe, expect, test } from "vitest";
import { formatPrefix, parseAddress } from "../net/index.ts";
import type { Control } from "./control.ts";
import { addressOf, errorOf, findingsOf, seedControl, WEB } from "./seed.case.ts";

const VM = { ...WEB, name: "vm" };

async function placesOf(control: Control, host: string): Promise<unknown> {
  const { endpoints, relocations } = await control.view(host);
  return {
    endpoints: endpoints.map(({ object }) => object.name),
    relocations: relocations.map(({ object: { blocks, host: home, locatedOn } }) =>
      [...blocks.map(formatPrefix), home, locatedOn].join(" "),
    ),
  };
}

async function routesOf(control: Control, host: string): Promise<string[]> {
  const [found] = await control.routes.list(host);
  return (found?.routes ?? [])
    .filter(({ purpose }) => purpose === "relocation")
    .map(({ destination, type }) => `${type} ${formatPrefix(destination)}`);
}

async function scene(options = {}): Promise<Awaited<ReturnType<typeof seedControl>>> {
  const bench = await seedControl(options);
  for (const [index, name] of ["host-1", "host-2"].entries()) {
    await bench.control.hosts.update(name, { underlay: { ipv4: parseAddress(`192.0.2.${index + 1}`) } });
  }
  return bench;
}

describe("relocations", () => {
  test("are told to all, and the endpoint to the host where it is", async () => {
    const { control } = await scene();
    const { object } = await control.endpoints.allocate(VM);
    const block = `${addressOf(object)}/32`;
    await control.endpoints.update("vm", { locatedOn: "host-2" });
    const relocations = [`${block} host-1 host-2`];
    expect(await placesOf(control, "host-1")).toEqual({ endpoints: [], relocations });
    expect(await placesOf(control, "host-2")).toEqual({ endpoints: ["vm"], relocations });
    expect(await routesOf(control, "host-1")).toEqual([`unicast ${block}`]);
    expect(await routesOf(control, "host-2")).toEqual([`blackhole ${block}`]);
    expect(control.relocations.counts()).toEqual(new Map([["main", 1]]));
    expect(
      (await control.endpoints.list({ relocated: true })).items.map(({ object: { name } }) => name),
    ).toEqual(["vm"]);
    expect(await findingsOf(control)).toEqual([]);
  });

  test.each<[string, (control: Control) => Promise<unknown>]>([
    ["go when it is at home again", (control) => control.endpoints.update("vm", { locatedOn: null })],
    ["go when its own host is said", (control) => control.endpoints.update("vm", { locatedOn: "host-1" })],
    ["go with the endpoint", (control) => control.endpoints.release("vm")],
    ["go with its tenant", (control) => control.tenants.delete("tenant-1", { cascade: true })],
    ["go with the host where it is", (control) => control.hosts.delete("host-2", { cascade: true })],
  ])("%s", async (_, change) => {
    const { control } = await scene();
    await control.endpoints.allocate(VM);
    await control.endpoints.update("vm", { locatedOn: "host-2" });
    await change(control);
    expect((await control.view("host-1")).relocations).toEqual([]);
    expect(control.relocations.counts()).toEqual(new Map([["main", 0]]));
    expect(await findingsOf(control)).toEqual([]);
  });

  test("are heard of by watchers of the hosts where the endpoint was and is", async () => {
    const { control } = await scene();
    await control.endpoints.allocate(VM);
    const abort = new AbortController();
    const kinds = ["relocations", "endpoints"] as const;
    const after = await control.revision();
    await control.endpoints.update("vm", { locatedOn: "host-2" });
    await control.endpoints.release("vm");
    for (const host of ["host-1", "host-2"]) {
      const heard: string[] = [];
      for await (const { changes } of control.watch({ kinds, host, after, signal: abort.signal })) {
        heard.push(...changes.map(({ kind, type }) => `${type} ${kind}`));
        if (heard.length >= 4) break;
      }
      expect(heard.sort()).toEqual([
        "delete endpoints",
        "delete relocations",
        "put endpoints",
        "put relocations",
      ]);
    }
    abort.abort();
  });

  test("are refused for an unknown host, and above their limit", async () => {
    const { control } = await scene({ maxRelocations: 1 });
    for (const name of ["vm", "other"]) await control.endpoints.allocate({ ...VM, name });
    expect(await errorOf(control.endpoints.update("vm", { locatedOn: "nowhere" }))).toMatch("not-found");
    await control.endpoints.update("vm", { locatedOn: "host-2" });
    expect(await errorOf(control.endpoints.update("other", { locatedOn: "host-2" }))).toMatch(
      "pool-exhausted",
    );
    await control.endpoints.update("vm", { locatedOn: null });
    await control.endpoints.update("other", { locatedOn: "host-2" });
  });

  test("are refused where the way leads over a router or nowhere", async () => {
    const { control } = await seedControl();
    await control.endpoints.allocate(VM);
    expect(await errorOf(control.endpoints.update("vm", { locatedOn: "host-2" }))).toMatch("invalid-input");
  });

  test("keep a host from being deleted", async () => {
    const { control } = await scene();
    await control.endpoints.allocate(VM);
    await control.endpoints.update("vm", { locatedOn: "host-2" });
    expect(await errorOf(control.hosts.delete("host-2"))).toMatch("in-use");
  });

  test("are found by a repeated request of the host where it is, and of no other", async () => {
    const { control } = await scene();
    await control.endpoints.allocate(VM);
    await control.endpoints.update("vm", { locatedOn: "host-2" });
    expect(await control.endpoints.allocate({ ...VM, host: "host-2" })).toMatchObject({ created: false });
    expect(await errorOf(control.endpoints.allocate(VM))).toMatch("conflict");
  });
});
