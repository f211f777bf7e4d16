export * from "./listen.ts";
export * from "./metadata-proxy.ts";
export * from "./request-headers.ts";
