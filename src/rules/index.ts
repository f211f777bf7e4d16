export * from "./rule-model.ts";
