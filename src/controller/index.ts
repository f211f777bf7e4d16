export * from "./api-server.ts";
export * from "./controller.ts";
export * from "./health-server.ts";
export * from "./kube-config.ts";
export * from "./log.ts";
export * from "./romanad.ts";
export * from "./settings.ts";
