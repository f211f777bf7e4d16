export * from "./label-classes.ts";
export * from "./matrix.ts";
export * from "./objects.ts";
export * from "./translate-cluster-network-policy.ts";
export * from "./translate-network-policy.ts";
export * from "./world.ts";
