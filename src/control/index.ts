export * from "./control.ts";
export { createControl } from "./create.ts";
export * from "./findings.ts";
export * from "./listing.ts";
export * from "./options.ts";
export * from "./policy-control.ts";
export * from "./routes.ts";
export * from "./usage.ts";
export * from "./watch.ts";
