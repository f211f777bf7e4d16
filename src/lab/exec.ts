import { constants } from "node:os";
import { notFound, RomanaError } from "../model/index.ts";
import { namespacePath } from "../system/namespace.ts";
import { spawnIn } from "./command.ts";
import { loadLab } from "./state.ts";

/** Shells report a command that cannot be run with this exit code. */
const CANNOT_RUN = 127;

/** The name under which the underlay's namespace can be entered. */
export const UNDERLAY = "underlay";

/** Names whose namespaces can be entered: endpoints, hosts, the underlay. */
export function enterable(lab: string): readonly string[] {
  const { hosts, endpoints } = loadLab(lab);
  return [...endpoints.map(({ spec }) => spec.name), ...hosts.map(({ spec }) => spec.name), UNDERLAY];
}

/**
 * Runs a command in the namespace of an endpoint, a host or the underlay, on this terminal, and returns its
 * exit code (128 and the signal's number when a signal ended it).
 * @throws RomanaError `not-found` when the lab has nothing of that name, `command-failed` when there is no such command.
 */
export async function execute(lab: string, where: string, argv: readonly string[]): Promise<number> {
  const namespace = namespaceOf(lab, where);
  const child = spawnIn(namespacePath(namespace), argv, { stdio: "inherit" });
  leaveSignalsTo(child);
  return new Promise((resolve, reject) => {
    child.on("error", (error) => {
      const message = `Cannot run "${argv[0]}" in "${where}": ${error.message}`;
      reject(
        new RomanaError(message, { code: "command-failed", argv, status: CANNOT_RUN, stderr: error.message }),
      );
    });
    child.on("exit", (code, signal) => {
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  });
}

/** The command decides what signals mean. An interrupt from the terminal it gets by itself. */
function leaveSignalsTo(child: ReturnType<typeof spawnIn>): void {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.removeAllListeners(signal);
    process.on(signal, () => {
      if (signal !== "SIGINT") child.kill(signal);
    });
  }
}

function namespaceOf(name: string, where: string): string {
  const lab = loadLab(name);
  const found =
    lab.endpoints.find(({ spec }) => spec.name === where) ??
    lab.hosts.find(({ spec }) => spec.name === where);
  if (found !== undefined) return found.namespace;
  if (where === UNDERLAY) return lab.underlay;
  throw notFound(`endpoint or host of lab "${name}"`, where);
}
