import { existsSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createClient, parseServer } from "../../src/client/index.ts";
import { RomanaError } from "../../src/model/index.ts";
import { createField, createPlace, type Place } from "./romanad-process.case.ts";

const DISK = "8m";

/** Starts a command with `data` on a small disk of its own, in a mount namespace that goes with it. */
const onSmallDisk = (data: string) => (argv: string[]) => [
  "unshare",
  "--mount",
  "sh",
  "-c",
  `mkdir -p "$0" && mount -t tmpfs -o size=${DISK} none "$0" && exec "$@"`,
  data,
  ...argv,
];

/** Fills a disk to its last byte. */
function fill(file: string): void {
  for (const size of [65_536, 4096, 1]) {
    try {
      for (;;) writeFileSync(file, Buffer.alloc(size), { flag: "a" });
    } catch (error) {
      expect((error as NodeJS.ErrnoException).code).toBe("ENOSPC");
    }
  }
}

async function failureOf(promise: Promise<unknown>): Promise<RomanaError | undefined> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof RomanaError) return error;
    throw error;
  }
  return undefined;
}

describe("a full disk", () => {
  test("refuses changes with 503 and nothing half done, serves reads, and works again when there is room", async () => {
    await using place = createPlace();
    const romanad = await place.start({}, onSmallDisk(place.data));
    await createField(place.client, 1, 1, 1);
    const client = createClient({ server: parseServer(`unix://${place.socket}`), retries: 0 });
    const allocate = (token: number): Promise<unknown> => {
      const body = { host: "h1", tenant: "t1", segment: "s1", name: `e${token}`, requestToken: `${token}` };
      return client.call("createEndpoint", { body });
    };
    await allocate(0);
    const filler = `/proc/${romanad.pid}/root${place.data}/filler`;
    fill(filler);
    let count = 1;
    let error: RomanaError | undefined;
    // What the log had reserved already may still go in.
    for (; error === undefined && count < 200; count++) error = await failureOf(allocate(count));
    expect(error).toMatchObject({ code: "unavailable", message: expect.stringContaining("full") as string });
    const { items } = await client.call("listEndpoints", { query: { limit: 1000 } });
    expect(items).toHaveLength(count - 1);
    rmSync(filler);
    await allocate(count - 1);
    await allocate(count);
    expect(await client.call("checkIpam", { body: {} })).toMatchObject({ clean: true, endpoints: count + 1 });
    await client.close();
    expect(await romanad.kill("SIGTERM")).toEqual({ status: 0, signal: null });
  });
});

describe("a store file that is not whole", () => {
  /** A store with a few hundred endpoints, at rest. */
  async function filledStore(place: Place): Promise<string> {
    const romanad = await place.start();
    await createField(place.client, 2, 2, 2);
    for (let index = 0; index < 300; index++) {
      const body = { host: "h1", tenant: "t1", segment: index % 2 === 0 ? "s1" : "s2", name: `e${index}` };
      await place.client.call("createEndpoint", { body });
    }
    await romanad.kill("SIGTERM");
    return join(place.data, "romanad.db");
  }

  const cuts: [string, (size: number) => number][] = [
    ["to nothing", () => 0],
    ["inside its head", () => 50],
    ["to half", (size) => Math.floor(size / 2)],
    ["by one page", (size) => size - 4096],
  ];
  test.each(cuts)("cut %s: romanad does not start, says why, and leaves it as it is", async (_, lengthOf) => {
    await using place = createPlace();
    const file = await filledStore(place);
    truncateSync(file, lengthOf(statSync(file).size));
    const before = readFileSync(file);
    const { status, output } = await place.fail({});
    expect(output).toContain(`romanad: Cannot open store "${file}": `);
    expect(output).toContain("restore a backup");
    expect(status).toBe(70);
    expect(readFileSync(file)).toEqual(before);
    expect(existsSync(place.socket)).toBe(false);
  });

  test("of another program: romanad does not start and says so", async () => {
    await using place = createPlace();
    const file = await filledStore(place);
    writeFileSync(
      file,
      "this is not a database, but it is long enough to have a head of one hundred bytes".repeat(9),
    );
    const { status, output } = await place.fail({});
    expect(output).toContain(`romanad: Cannot open store "${file}": `);
    expect(status).toBe(70);
  });
});

test("a second romanad on the same store does not start and says so", async () => {
  await using place = createPlace();
  await place.start();
  const { status, output } = await place.fail({ socket: join(place.directory, "second.sock") });
  expect(output).toContain("another process has it open");
  expect(status).toBe(75);
});
