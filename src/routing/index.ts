export * from "./aggregate.ts";
export * from "./desired.ts";
export * from "./endpoint-route.ts";
export * from "./service-prefixes.ts";
export * from "./summary.ts";
