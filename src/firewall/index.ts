export { deviceChanges, type SetChange } from "./binding.ts";
export { createTable } from "./compile.ts";
export { type EndpointDevice, type FirewallInput, type FirewallScope } from "./input.ts";
export { rawKey } from "./key.ts";
export { type CounterValue, renderTable } from "./nft.ts";
export * from "./table.ts";
