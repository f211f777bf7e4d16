export * from "./errors.ts";
export * from "./network.ts";
export * from "./nouns.ts";
export * from "./status.ts";
