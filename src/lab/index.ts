export { type TornDown, tearDown } from "./down.ts";
export { enterable, execute } from "./exec.ts";
export { requireRoot } from "./root.ts";
export { selectLab } from "./select.ts";
export { listLabs } from "./state.ts";
export {
  type LabEndpointStatus,
  type LabHostStatus,
  type LabProcess,
  type LabStatus,
  type LabSummary,
  readStatus,
  summarize,
} from "./status.ts";
export { bringUp } from "./up.ts";
export { type PingReport, ping } from "./ping.ts";
export { type Cell } from "./matrix.ts";
export { type Observation } from "./probe.ts";
