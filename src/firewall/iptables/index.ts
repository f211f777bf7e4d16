export * from "./counted.ts";
export * from "./input.ts";
export { readSavedRules, renderIptables, renderIptablesRemoval } from "./render.ts";
export { setPrefix } from "./set-book.ts";
