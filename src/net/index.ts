export * from "./address.ts";
export * from "./link-local.ts";
export * from "./prefix.ts";
