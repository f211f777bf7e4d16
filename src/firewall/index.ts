export { deviceChanges, type SetChange } from "./binding.ts";
export { createTable } from "./compile.ts";
export { changesBetween } from "./difference.ts";
export type { EndpointDevice, FirewallInput, FirewallScope } from "./input.ts";
export { rawKey } from "./key.ts";
export { type CounterValue, renderTable } from "./nft.ts";
export type * from "./table.ts";
