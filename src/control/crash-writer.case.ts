/** Allocates, releases and deletes in parallel on a store file until it is killed; every line it writes is durable. */
import { writeSync } from "node:fs";
import { openSqliteStore } from "../store/index.ts";
import { createControl } from "./create.ts";
import { errorOf } from "./seed.case.ts";

const [, , path = "", round = ""] = process.argv;
const WORKERS = 24;

/** Returns when the line is in the pipe; process.stdout would keep it in memory when the reader is slow. */
function say(line: string): void {
  writeSync(1, `${line}\n`);
}

const store = openSqliteStore(path);
const control = await createControl({ store, coolDown: 20 });

/** `+NAME` acknowledges an allocation, `?NAME` announces a release, `-NAME` acknowledges it. */
async function work(worker: number): Promise<void> {
  for (let count = 0; ; count++) {
    const name = `r${round}-w${worker}-${count}`;
    const request = { host: `host-${(count % 2) + 1}`, tenant: `tenant-${(worker % 2) + 1}`, segment: "web" };
    const token = count % 3 === 0 ? { requestToken: name } : {};
    const outcome = await errorOf(control.endpoints.allocate({ ...request, name, ...token }));
    if (outcome === "none") say(`+${name}`);
    const old = `r${round}-w${worker}-${count - 6}`;
    if (count >= 6) {
      say(`?${old}`);
      if ((await errorOf(control.endpoints.release(old))) === "none") say(`-${old}`);
    }
  }
}

/** A tenant that comes and goes with all it has. */
async function churn(): Promise<void> {
  for (let count = 0; ; count++) {
    await errorOf(control.tenants.create({ name: "brief", ...(count % 2 === 0 && { quota: 100 }) }));
    for (const name of ["a", "b"]) await errorOf(control.segments.create({ tenant: "brief", name }));
    const requests = Array.from({ length: 40 }, (_, index) => ({
      host: `host-${(index % 2) + 1}`,
      tenant: "brief",
      segment: index % 3 === 0 ? "a" : "b",
    }));
    await Promise.all(requests.map((request) => errorOf(control.endpoints.allocate(request))));
    await errorOf(control.tenants.update("brief", { quota: count % 2 === 0 ? null : 100 }));
    await errorOf(control.tenants.delete("brief", { cascade: true }));
  }
}

await Promise.all([...Array.from({ length: WORKERS }, (_, worker) => work(worker)), churn()]);
