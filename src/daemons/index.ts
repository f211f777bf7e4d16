export * from "./create-routing-daemon.ts";
export type { Applied, DaemonRoute, DaemonSession, RoutingDaemon } from "./routing-daemon.ts";
