import type { Backend } from "../model/index.ts";
import { heartbeatName } from "./backend-choice.ts";
import type { HostState } from "./hearing.ts";

/** A heartbeat that was taken in. */
export interface LoggedBeat {
  readonly host: string;
  /** In milliseconds. */
  readonly at: number;
  readonly healthy: readonly string[];
}

/** What the state of a host is, out of all heartbeats that there ever were, the oldest first. */
export function stateFromLog(log: readonly LoggedBeat[], host: string, now: number): HostState {
  if (log.some((beat) => beat.host === host && now - beat.at < 6000)) return "heard";
  const times = log.map(({ at }) => at);
  const last = times.at(-1);
  if (last === undefined || now - last > 3000) return "unknown";
  // The beats since the last break of more than 3 s.
  const start = times.findLastIndex((at, index) => index === 0 || at - (times[index - 1] as number) > 3000);
  return now - (times[start] as number) >= 6000 ? "silent" : "unknown";
}

/** Which members flows may go to, member by member; the members are given in the order of their addresses. */
export function backendsFromLog(
  log: readonly LoggedBeat[],
  members: readonly Backend[],
  hasChecks: boolean,
  before: readonly Backend[],
  now: number,
): readonly Backend[] {
  return members.filter((member) => {
    const { host, addresses } = member;
    const name = heartbeatName(addresses);
    const said = log.findLast((beat) => beat.host === host);
    switch (stateFromLog(log, host, now)) {
      case "silent":
        return false;
      case "heard":
        return !hasChecks || said?.healthy.includes(name) === true;
      case "unknown":
        return before.some((one) => heartbeatName(one.addresses) === name);
    }
  });
}
