export * from "./aggregate.ts";
export * from "./desired.ts";
export * from "./endpoint-route.ts";
export * from "./placement.ts";
export * from "./service-prefixes.ts";
export * from "./summary.ts";
