export { Agent, type AgentOptions } from "./agent.ts";
export { type OpenedJournal, openJournal } from "./journal.ts";
export { createRomanad } from "./romanad.ts";
export { serveAgent, type SocketServer } from "./socket-server.ts";
export { type Removal, tearDown } from "./teardown.ts";
export { systemTimers } from "./timers.ts";
export { ViewFile } from "./view-file.ts";
