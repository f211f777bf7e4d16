import type { BackendKeeper } from "./backend-keeper.ts";
import type { Heartbeat, HeartbeatAnswer } from "./heartbeat.ts";
import type { VirtualIpKeeper } from "./virtual-ip-keeper.ts";

/**
 * One heartbeat for all who wait for it; the host comes again when the first of them needs it.
 * @throws RomanaError `not-found` for a host that is not there, `aborted` when a later heartbeat came first.
 */
export function takeHeartbeat(
  host: string,
  heartbeat: Heartbeat,
  virtualIps: Pick<VirtualIpKeeper, "beat">,
  backends: Pick<BackendKeeper, "beat">,
): HeartbeatAnswer {
  const answer = virtualIps.beat(host, heartbeat);
  const next = backends.beat(host, heartbeat);
  return next === undefined ? answer : { ...answer, next: Math.min(answer.next, next) };
}
