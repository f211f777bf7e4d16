export * from "./address.ts";
export * from "./prefix.ts";
