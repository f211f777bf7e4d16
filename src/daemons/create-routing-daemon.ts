import type { RoutingDaemonKind } from "../model/index.ts";
import { runCommand } from "../system/command.ts";
import { createBird } from "./bird-daemon.ts";
import { createFrr } from "./frr-daemon.ts";
import type { DaemonPlace, RoutingDaemon } from "./routing-daemon.ts";

const CREATE: Record<RoutingDaemonKind, (place: DaemonPlace) => RoutingDaemon> = {
  bird: createBird,
  frr: createFrr,
};

/** A daemon of this kind with its files in the directory; it is not started yet. */
export function createRoutingDaemon(
  kind: RoutingDaemonKind,
  { run = runCommand, ...place }: Omit<DaemonPlace, "run"> & Partial<Pick<DaemonPlace, "run">>,
): RoutingDaemon {
  return CREATE[kind]({ ...place, run });
}
