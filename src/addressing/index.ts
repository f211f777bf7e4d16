export * from "./codes.ts";
export * from "./decode.ts";
export * from "./encode.ts";
export { groupFaults, identityFaults, positionFaults, tenantFaults } from "./faults.ts";
export * from "./layout.ts";
export * from "./match.ts";
export * from "./plan.ts";
export * from "./position.ts";
export * from "./prefixes.ts";
