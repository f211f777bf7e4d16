import { describe, expect, test } from "vitest";
import { GroupCommit, JobRefused } from "./group-commit.ts";

/** A batch that writes down what happens; `fails` says where it goes wrong. */
function recorder(): { commits: GroupCommit; log: string[]; fails: Set<string> } {
  const log: string[] = [];
  const fails = new Set<string>();
  const note = (what: string): void => {
    log.push(what);
    if (fails.has(what)) throw new Error(`${what} failed`);
  };
  const commits = new GroupCommit({
    begin: () => note("begin"),
    commit: () => note("commit"),
    rollback: () => note("rollback"),
    sync: async () => note("sync"),
    publish: () => note("publish"),
    failure: (error) => new Error(`batch: ${(error as Error).message}`),
  });
  return { commits, log, fails };
}

describe("GroupCommit", () => {
  test("commits together what arrives together, in order, and tells after the commit", async () => {
    const { commits, log } = recorder();
    const jobs = ["a", "b", "c"].map((name) =>
      commits.submit(1, () => {
        log.push(name);
        return name;
      }),
    );
    const told = jobs.map((job) => job.then((name) => log.push(`told ${name}`)));
    await Promise.all(told);
    expect(log).toEqual(["begin", "a", "b", "c", "commit", "sync", "publish", "told a", "told b", "told c"]);
  });

  test("what is submitted on being told comes into the next batch", async () => {
    const { commits, log } = recorder();
    await commits.submit(1, () => log.push("a"));
    await commits.submit(1, () => log.push("b"));
    expect(log).toEqual([
      "begin",
      "a",
      "commit",
      "sync",
      "publish",
      "begin",
      "b",
      "commit",
      "sync",
      "publish",
    ]);
  });

  test("a refused job leaves its neighbours alone", async () => {
    const { commits, log } = recorder();
    const first = commits.submit(1, () => "first");
    const refused = commits.submit(1, () => {
      throw new JobRefused("no", { cause: new Error("why") });
    });
    const last = commits.submit(1, () => "last");
    await expect(refused).rejects.toThrow("why");
    expect([await first, await last]).toEqual(["first", "last"]);
    expect(log).toEqual(["begin", "commit", "sync", "publish"]);
  });

  test.each(["begin", "commit"])("when %s fails, all are told and the next batch works", async (where) => {
    const { commits, log, fails } = recorder();
    fails.add(where);
    const jobs = [1, 2].map((number) => commits.submit(1, () => number));
    for (const job of jobs) await expect(job).rejects.toThrow(`batch: ${where} failed`);
    expect(log.at(-1)).toBe("rollback");
    fails.clear();
    expect(await commits.submit(1, () => 3)).toBe(3);
  });

  test("when a job fails otherwise, the whole batch does", async () => {
    const { commits, log } = recorder();
    const first = commits.submit(1, () => 1);
    const broken = commits.submit(1, () => {
      throw new Error("broken");
    });
    await expect(first).rejects.toThrow("batch: broken");
    await expect(broken).rejects.toThrow("batch: broken");
    expect(log).toEqual(["begin", "rollback"]);
  });

  test("when nothing is certain after a failed sync, all are told and nothing is published", async () => {
    const { commits, log, fails } = recorder();
    fails.add("sync");
    const jobs = [1, 2].map((number) => commits.submit(1, () => number));
    for (const job of jobs) await expect(job).rejects.toThrow("batch: sync failed");
    expect(log).toEqual(["begin", "commit", "sync"]);
    expect(commits.syncing).toBeUndefined();
  });

  test("what arrives while a batch is made durable waits and shares the next one", async () => {
    const log: string[] = [];
    let finish: () => void = () => undefined;
    const commits = new GroupCommit({
      begin: () => log.push("begin"),
      commit: () => log.push("commit"),
      rollback: () => log.push("rollback"),
      sync: () => new Promise((resolve) => (finish = resolve)),
      publish: () => log.push("publish"),
      failure: (error) => error,
    });
    const first = commits.submit(1, () => log.push("a"));
    await expect.poll(() => commits.syncing !== undefined).toBe(true);
    const others = ["b", "c"].map((name) => commits.submit(1, () => log.push(name)));
    await new Promise((resolve) => setImmediate(resolve));
    expect(log).toEqual(["begin", "a", "commit"]);
    finish();
    await first;
    await expect.poll(() => log.at(-1)).toBe("commit");
    finish();
    await Promise.all(others);
    expect(log).toEqual(["begin", "a", "commit", "publish", "begin", "b", "c", "commit", "publish"]);
  });

  test("a crowd is served in several batches, all of it", async () => {
    const { commits, log } = recorder();
    const numbers = await Promise.all(
      Array.from({ length: 1000 }, (_, index) => commits.submit(1, () => index)),
    );
    expect(numbers).toEqual(Array.from({ length: 1000 }, (_, index) => index));
    expect(log.filter((entry) => entry === "commit").length).toBe(2);
  });

  test("heavy jobs have a batch for themselves", async () => {
    const { commits, log } = recorder();
    const weights = [1, 2000, 500, 13, 2000, 2000];
    await Promise.all(weights.map((weight) => commits.submit(weight, () => log.push(String(weight)))));
    const batches = log.join(" ").split("begin").slice(1);
    expect(batches.map((batch) => batch.replace(/commit.*/, "").trim())).toEqual([
      "1",
      "2000",
      "500",
      "13",
      "2000",
      "2000",
    ]);
  });
});
