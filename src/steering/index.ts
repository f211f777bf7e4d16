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
