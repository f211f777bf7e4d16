export { openKube } from "./kube.ts";
export { type ProbeAnswer } from "./paths.ts";
export { probeAll, serveName } from "./probe.ts";
export { testCluster } from "./self-test.ts";
export { type StepResult } from "./step.ts";
export { openTunnel } from "./tunnel.ts";
