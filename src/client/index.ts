export * from "./backoff.ts";
export * from "./caller.ts";
export * from "./client.ts";
export * from "./server.ts";
export * from "./watch.ts";
