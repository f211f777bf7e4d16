export * from "./bird.ts";
export {
  configurationData,
  configurationOf,
  type DeviceConfiguration,
  type Passwords,
} from "./configuration.ts";
export * from "./device-route.ts";
export * from "./fabric-faults.ts";
export { rackPath } from "./fabric-map.ts";
export * from "./fabric-routing.ts";
export * from "./frr.ts";
export * from "./host-routing.ts";
export * from "./relocated-routing.ts";
export * from "./route-changes.ts";
export { originsOf, sessionsOf } from "./sessions.ts";
export * from "./template.ts";
export * from "./trace.ts";
