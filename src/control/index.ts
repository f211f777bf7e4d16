export type * from "./control.ts";
export { createControl } from "./create.ts";
export * from "./findings.ts";
export * from "./listing.ts";
export type * from "./options.ts";
export type * from "./routes.ts";
export type * from "./status.ts";
export type * from "./usage.ts";
export type * from "./watch.ts";
