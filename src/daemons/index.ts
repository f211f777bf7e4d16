export * from "./create-routing-daemon.ts";
export * from "./routing-daemon.ts";
