import { rmSync } from "node:fs";
import { join } from "node:path";
import { endProcess, findProcess } from "../system/own-process.ts";
import { parseBirdProtocols, parseBirdRoutes } from "./bird-replies.ts";
import { makeDirectory, readText, runCheck, runProgram, writeText } from "./daemon-files.ts";
import type { DaemonPlace, RoutingDaemon } from "./routing-daemon.ts";

/** BIRD 2 (Debian: `bird2`). One that was killed is started for recovery. */
export function createBird({ directory, namespace, run }: DaemonPlace): RoutingDaemon {
  const path = (name: string): string => join(directory, name);
  const config = path("bird.conf");
  const base = ["bird", "-c", config, "-s", path("bird.ctl"), "-P", path("bird.pid")] as const;
  const lives = [base, [...base, "-R"]];
  const ask = (...words: readonly string[]): Promise<string> =>
    run({ argv: ["birdc", "-s", path("bird.ctl"), ...words] });
  const isRunning = (): boolean => lives.some((argv) => findProcess(path("bird.pid"), argv) !== undefined);
  const check = async (text: string): Promise<void> => {
    makeDirectory(directory);
    writeText(path("draft.conf"), text);
    await runCheck(run, ["bird", "-p", "-c", path("draft.conf")], path("draft.conf"));
  };
  const start = async (isAgain: boolean): Promise<void> => {
    const argv = isAgain ? [...base, "-R"] : base;
    await runProgram(run, { argv, ...(namespace !== undefined && { namespace }) });
  };
  return {
    kind: "bird",
    check,
    isRunning,
    async revive() {
      if (readText(config) !== undefined && !isRunning()) await start(true);
    },
    async apply(text) {
      const before = readText(config);
      const wasRunning = isRunning();
      if (wasRunning && before === text) return "unchanged";
      await check(text);
      writeText(config, text);
      if (wasRunning) {
        await ask("configure", "soft");
        return "reloaded";
      }
      await start(before !== undefined);
      return "started";
    },
    sessions: async () =>
      parseBirdProtocols(await ask("show", "protocols", "all")).flatMap(({ session }) => session ?? []),
    routes: async () => parseBirdRoutes(await ask("show", "route")),
    async stop() {
      if (isRunning()) {
        const protocols = parseBirdProtocols(await ask("show", "protocols", "all"));
        for (const { name, kind } of protocols)
          if (kind === "BGP" || kind === "OSPF") await ask("disable", name);
      }
      for (const argv of lives) {
        const pid = findProcess(path("bird.pid"), argv);
        if (pid !== undefined) await endProcess(pid, argv);
      }
      rmSync(config, { force: true });
    },
  };
}
