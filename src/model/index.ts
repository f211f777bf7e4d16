export * from "./errors.ts";
export * from "./network.ts";
export * from "./nouns.ts";
export * from "./patterns.ts";
export * from "./policy.ts";
export * from "./status.ts";
export * from "./virtual-ip.ts";
