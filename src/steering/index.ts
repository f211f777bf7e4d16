export { assignSlots, SLOTS } from "./slots.ts";
export { stableHash, stableName, stablePair } from "./stable-hash.ts";
