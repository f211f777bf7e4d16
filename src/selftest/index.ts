export { type ClusterStatus, type NodeStatus } from "./cluster-status.ts";
export { type Kube, openKube, type RomanadPod } from "./kube.ts";
export { type ProbeAnswer } from "./paths.ts";
export { probeAll, serveName } from "./probe.ts";
export { readClusterStatus } from "./read-status.ts";
export { testCluster } from "./self-test.ts";
export { type StepResult } from "./step.ts";
export { openTunnel } from "./tunnel.ts";
