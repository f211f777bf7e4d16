export { type EndAddresses } from "./chain-ends.ts";
export { hopKey, type NextHop, type NumberedHop, numberHops } from "./chain-hops.ts";
export { type ChainEndpoint, type ChainInput } from "./chain-input.ts";
export * from "./chain-marks.ts";
export { type ChainRules, chainRules } from "./chain-rules.ts";
export { CHAIN_DROPS, renderChainTable } from "./chain-table.ts";
export {
  type Hairpin,
  type KnownServices,
  type Pool,
  type PortRule,
  type ServiceRules,
  serviceRules,
} from "./service-rules.ts";
export {
  readServiceTable,
  renderServiceTable,
  SERVICES_TABLE,
  type ServiceStep,
  type ServiceTableState,
  serviceSteps,
  serviceTableState,
} from "./service-table.ts";
export { assignSlots, SLOTS } from "./slots.ts";
export { stableHash, stableName, stablePair } from "./stable-hash.ts";
