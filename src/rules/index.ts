export { type Identities } from "./directory.ts";
export { type Scope } from "./fragment.ts";
export { keyOfEntry, partyKey } from "./party.ts";
export * from "./policy-compiler.ts";
export * from "./rule-model.ts";
