import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { AgentScene, createSceneKernel, NAMESPACE, networkText } from "../../test/support/agent-scene.ts";
import { endpoint, hostView } from "../../test/support/agent-view.ts";
import { createMemoryStore } from "../store/index.ts";
import { openJournal } from "./journal.ts";
import { ViewFile } from "./view-file.ts";

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "romana-agent-"));
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

describe("a restart", () => {
  test("changes nothing in the kernel when nothing has changed", async () => {
    const scene = await new AgentScene().start();
    scene.kernel.addLink({ name: "tap0", kind: "tun" });
    await scene.attach(1);
    await scene.attach(2, { attach: { kind: "tap", device: "tap0" } });
    await scene.stop();
    const before = scene.text();
    scene.operations.length = 0;
    await scene.start();
    await scene.timers.advance(1_000);
    expect(scene.operations).toEqual([]);
    expect(scene.text()).toBe(before);
    expect(scene.agent.attachments().map(({ state }) => state)).toEqual(["attached", "attached"]);
  });

  test("works on while romanad is away: what others change is mended, endpoints stay", async () => {
    const scene = await new AgentScene().start();
    await scene.attach();
    await scene.timers.advance(2_000);
    await scene.kill();
    const before = scene.text();
    scene.romanad.leave();
    scene.kernel.outside.runNft("flush ruleset\n");
    await scene.start();
    expect(scene.text()).toBe(before);
    expect(scene.agent.status().romanad.connected).toBe(false);
    expect(scene.agent.attachment("web-1")?.state).toBe("attached");
    expect(await scene.agent.detach("web-1")).toEqual({ detached: true, released: false });
    await scene.kill();
    scene.romanad.comeBack();
    await scene.start();
    await scene.timers.advance(5_000);
    expect(scene.romanad.endpoints.size).toBe(0);
  });

  test("of the whole machine keeps endpoints until they are detached or attached anew", async () => {
    const scene = await new AgentScene().start();
    await scene.attach();
    await scene.stop();
    const rebooted = new AgentScene({
      kernel: createSceneKernel(),
      romanad: scene.romanad,
      store: scene.store,
    });
    await rebooted.start();
    expect(rebooted.agent.attachment("web-1")?.state).toBe("device-missing");
    expect(scene.romanad.endpoints.size).toBe(1);
    await expect(rebooted.attach()).resolves.toMatchObject({
      created: true,
      attachment: { state: "attached" },
    });
    expect(networkText(rebooted.kernel)).toContain("10.1.1.17/32 dev rom0a010111");
  });
});

describe("an agent that lost its memory", () => {
  test("finds its endpoints by romanad and the kernel, and harms none", async () => {
    const scene = await new AgentScene().start();
    scene.kernel.addLink({ name: "tap0", kind: "tun" });
    await scene.attach(1);
    await scene.attach(2, { attach: { kind: "tap", device: "tap0" } });
    await scene.kill();
    const before = scene.text();
    const { kernel, romanad } = scene;
    const heir = new AgentScene({ kernel, romanad, store: createMemoryStore() });
    await heir.start();
    expect(heir.text()).toBe(before);
    expect(heir.operations.filter(({ method }) => method !== "runNft" && method !== "setSysctl")).toEqual([]);
    expect(heir.agent.attachments().map(({ device, state }) => [device, state])).toEqual([
      ["rom0a010111", "attached"],
      ["tap0", "attached"],
    ]);
    await expect(heir.attach(1)).resolves.toMatchObject({ created: false });
    expect(await heir.agent.detach("web-2")).toEqual({ detached: true, released: true });
    expect(await heir.agent.detach("web-1")).toEqual({ detached: true, released: true });
    expect(heir.kernel.interfaces(NAMESPACE).size).toBe(0);
  });

  test("leaves the kernel alone until romanad is there", async () => {
    const scene = await new AgentScene().start();
    await scene.attach();
    await scene.timers.advance(2_000);
    await scene.kill();
    const before = scene.text();
    scene.romanad.leave();
    const { kernel, romanad, savedView } = scene;
    const heir = new AgentScene({
      kernel,
      romanad,
      store: createMemoryStore(),
      ...(savedView && { view: savedView }),
    });
    await heir.start();
    expect(heir.operations).toEqual([]);
    romanad.comeBack();
    await heir.timers.advance(10_000);
    expect(heir.text()).toBe(before);
    expect(heir.agent.attachment("web-1")?.state).toBe("attached");
  });

  test("deletes what romanad does not know, and releases what is detached though it has no device", async () => {
    const scene = await new AgentScene().start();
    await scene.attach(1);
    await scene.attach(2);
    await scene.kill();
    const { kernel, romanad } = scene;
    romanad.remove("10.1.1.17");
    kernel.outside.apply([{ type: "delete-link", name: "rom0a010112" }]);
    const heir = await new AgentScene({ kernel, romanad, store: createMemoryStore() }).start();
    expect(networkText(kernel)).not.toContain("rom0a0101");
    expect(await heir.agent.detach("web-2")).toEqual({ detached: false, released: true });
    expect(romanad.endpoints.size).toBe(0);
  });

  test("does not release what was allocated since", async () => {
    const scene = await new AgentScene().start();
    await scene.romanad.allocate({ name: "web-1", host: "host-1", tenant: "acme", segment: "web" });
    await scene.timers.advance(10);
    expect(await scene.agent.detach("web-1")).toEqual({ detached: false, released: false });
    expect(scene.romanad.endpoints.size).toBe(1);
  });
});

describe("openJournal()", () => {
  const path = (): string => join(directory, "journal.db");

  test("remembers attachments, intents and the table", async () => {
    const { journal } = await openJournal(path(), ".damaged");
    const { revision, ...plain } = endpoint(11, 41);
    const attachment = {
      endpoint: plain,
      revision,
      target: { kind: "netns", netns: "/run/netns/web", interface: "eth0" },
      device: "rom0a01011b",
      mtu: 1500,
      isAllocatedHere: true,
      isReleasing: false,
    } as const;
    const intent = { id: "i1", name: "web-2", viewRevision: 41, startedAt: 7 };
    await journal.begin(intent);
    await journal.keep(attachment);
    await journal.keepTable({ rendered: "a", listed: "b" });
    await journal.keepAdoptable(40);
    await journal.close();
    const { journal: again, damage } = await openJournal(path(), ".damaged");
    expect(damage).toBeUndefined();
    expect(again.attachments).toEqual([attachment]);
    expect(again.intents).toEqual([intent]);
    expect(again.table).toEqual({ rendered: "a", listed: "b" });
    expect(again.adoptable).toBe(40);
    await again.close();
  });

  test.each([
    ["no database", (file: string) => writeFileSync(file, "this is no database")],
    ["cut short", (file: string) => writeFileSync(file, readFileSync(file).subarray(0, 3000))],
    ["empty", (file: string) => writeFileSync(file, "")],
  ])("moves a file aside that is %s", async (_, damage) => {
    const { journal } = await openJournal(path(), ".damaged");
    await journal.keepAdoptable(40);
    await journal.close();
    damage(path());
    const opened = await openJournal(path(), ".damaged");
    expect(opened.damage).toMatchObject({ movedTo: `${path()}.damaged` });
    expect(opened.damage?.reason).toContain(path());
    expect(opened.journal.adoptable).toBeUndefined();
    expect(readdirSync(directory)).toContain("journal.db.damaged");
    await opened.journal.close();
  });

  test("refuses a journal that another agent has open, and leaves it alone", async () => {
    const { journal } = await openJournal(path(), ".damaged");
    await expect(openJournal(path(), ".damaged")).rejects.toMatchObject({ code: "unavailable" });
    expect(readdirSync(directory)).not.toContain("journal.db.damaged");
    await journal.close();
  });
});

describe("ViewFile", () => {
  const path = (): string => join(directory, "view.json");

  test("gives back what it was given", () => {
    const view = hostView({ endpoints: [endpoint(11, 40)] });
    new ViewFile(path()).save(view);
    expect(new ViewFile(path()).load("host-1", ".damaged")).toEqual({ state: "loaded", view });
    expect(readdirSync(directory)).toEqual(["view.json"]);
  });

  test("has nothing for another host, and nothing where there is no file", () => {
    const file = new ViewFile(path());
    expect(file.load("host-1", ".damaged")).toEqual({ state: "absent" });
    file.save(hostView());
    expect(file.load("host-2", ".damaged")).toEqual({ state: "absent" });
  });

  test.each([
    ["cut short", '{"revision": 4'],
    ["of another form", '{"revision": -1}'],
  ])("moves a file aside that is %s", (_, text) => {
    writeFileSync(path(), text);
    expect(new ViewFile(path()).load("host-1", ".damaged")).toMatchObject({
      state: "damaged",
      movedTo: `${path()}.damaged`,
    });
    expect(readFileSync(`${path()}.damaged`, "utf8")).toBe(text);
  });

  test("says why it cannot be written", () => {
    expect(() => {
      new ViewFile("/nowhere/view.json").save(hostView());
    }).toThrow('Cannot use state file "/nowhere/view.json": ENOENT');
  });
});
