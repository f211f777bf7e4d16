export { deviceChanges, type SetChange } from "./binding.ts";
export { createTable } from "./compile.ts";
export {
  type EndpointDevice,
  type FirewallInput,
  type FirewallScope,
  type ProtocolPort,
  type SafetyNet,
  type SteeredMarks,
} from "./input.ts";
export { interpret, interpretChain, type KernelPacket, type Outcome } from "./interpret.ts";
export { type RawElement, rawElement, rawKey } from "./key.ts";
export { type SetDifference } from "./layer-sets.ts";
export { type CounterValue, renderTable } from "./nft.ts";
export { PolicyRules } from "./policy-rules.ts";
export { createRulesEngine, type RulesEngine } from "./rules-engine.ts";
export { DEFAULT_SAFETY_NET } from "./safety-net.ts";
export * from "./table.ts";
