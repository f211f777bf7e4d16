export * from "./decode.ts";
export * from "./encode.ts";
export * from "./layout.ts";
export * from "./plan.ts";
export * from "./position.ts";
