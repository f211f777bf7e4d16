export * from "./app.ts";
export * from "./daemon.ts";
export * from "./listen.ts";
export * from "./log.ts";
export * from "./openapi.ts";
export * from "./problem.ts";
export * from "./settings.ts";
