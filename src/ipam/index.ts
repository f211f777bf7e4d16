export * from "./capacity.ts";
export * from "./code-space.ts";
export * from "./fit.ts";
export * from "./id-pool.ts";
export * from "./network-faults.ts";
export * from "./ranges.ts";
export * from "./service-addresses.ts";
