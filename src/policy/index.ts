export * from "./isolation.ts";
export * from "./packet.ts";
export * from "./reachability.ts";
export * from "./world.ts";
