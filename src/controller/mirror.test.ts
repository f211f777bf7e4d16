import { describe, expect, test } from "vitest";
import { RomanaError, type Segment } from "../model/index.ts";
import { deleting, Mirror } from "./mirror.ts";

const WEB: Segment = { tenant: "shop", name: "web", codes: [] };

describe("Mirror", () => {
  test("knows which segments workloads need, as births and as roles", () => {
    const mirror = new Mirror();
    const used = (): string[] => ["web", "db", "odd"].filter((name) => mirror.isUsed(`shop/${name}`));
    mirror.putWorkload({ id: "1", tenant: "shop", segment: "web", actsAs: "db" });
    mirror.putWorkload({ id: "2", tenant: "shop", segment: "web", actsAs: "web" });
    expect(used()).toEqual(["web", "db"]);
    mirror.putWorkload({ id: "1", tenant: "shop", segment: "odd" });
    expect(used()).toEqual(["web", "odd"]);
    expect(mirror.removeWorkload("2")).toEqual(["shop/web"]);
    expect(mirror.removeWorkload("2")).toEqual([]);
    expect(used()).toEqual(["odd"]);
  });

  test("a segment that somebody is about to need is used; one that is going away cannot be needed", async () => {
    const mirror = new Mirror();
    mirror.putSegment(WEB);
    expect(mirror.hold("shop/web")).toBe(true);
    expect(mirror.hold("shop/web")).toBe(true);
    mirror.letGo("shop/web");
    expect(mirror.isUsed("shop/web")).toBe(true);
    mirror.letGo("shop/web");
    expect(mirror.isUsed("shop/web")).toBe(false);
    const { promise, resolve } = Promise.withResolvers<void>();
    const removing = mirror.removeSegmentBy(WEB, () => promise);
    expect([mirror.hold("shop/web"), mirror.segmentsOf("shop").size]).toEqual([false, 0]);
    resolve();
    await removing;
    expect([mirror.hold("shop/web"), mirror.segmentsOf("shop").size]).toEqual([true, 0]);
  });

  test("tells of tenants whose segments come and go, or begin and cease to have pods", async () => {
    const told: string[] = [];
    const mirror = new Mirror((tenant) => told.push(tenant));
    const since = (): number => told.splice(0).length;
    mirror.putSegment(WEB);
    expect(since()).toBe(1);
    mirror.putWorkload({ id: "1", tenant: "shop", segment: "web" });
    expect(since()).toBe(1);
    mirror.putWorkload({ id: "2", tenant: "shop", segment: "web" });
    mirror.removeWorkload("2");
    expect(since()).toBe(0);
    mirror.removeWorkload("1");
    expect(since()).toBe(1);
    // Who is born in a segment and acts as another is of that.
    mirror.putSegment({ ...WEB, name: "db" });
    mirror.putWorkload({ id: "1", tenant: "shop", segment: "web", actsAs: "db" });
    expect([...mirror.choiceOf("shop")].map(([name, { isUsed }]) => `${name} ${isUsed}`)).toEqual([
      "web false",
      "db true",
    ]);
    told.splice(0);
    mirror.removeSegment("shop", "web");
    expect(told).toEqual(["shop"]);
  });

  test("a segment that could not be deleted is there as before", async () => {
    const mirror = new Mirror();
    mirror.putSegment(WEB);
    const refuse = (): Promise<void> => Promise.reject(new RomanaError("no", { code: "unavailable" }));
    await expect(mirror.removeSegmentBy(WEB, refuse)).rejects.toThrow("no");
    expect([mirror.hold("shop/web"), mirror.segmentsOf("shop").get("web")]).toEqual([true, WEB]);
  });
});

test("what is gone already need not be deleted; other errors are told", async () => {
  const refuse = (failure: RomanaError["failure"]): Promise<void> =>
    Promise.reject(new RomanaError("no", failure));
  await deleting(refuse({ code: "not-found", noun: "host", name: "h" }));
  await expect(deleting(refuse({ code: "unavailable" }))).rejects.toThrow("no");
});
