export { Agent, type AgentOptions } from "./agent.ts";
export { keepMemorySmall } from "./frugality.ts";
export { createProber } from "./probe.ts";
export { createRomanad } from "./romanad.ts";
export { DEFAULT_CONFIG_FILE, type Flags, loadSettings } from "./settings.ts";
export { type SocketServer, serveAgent } from "./socket-server.ts";
export { describeLoss, openState } from "./state.ts";
export { formatRemoval, tearDown } from "./teardown.ts";
export { systemTimers } from "./timers.ts";
