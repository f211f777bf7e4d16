import { Caller, type Client, createClient, parseServer } from "../client/index.ts";
import { hasCode, type HostStatus } from "../model/index.ts";
import { AGENT_CONTRACT } from "../schema/index.ts";
import type { LabPaths, ProgramPaths } from "./paths.ts";

/** A client of an agent's local socket. */
export type AgentCaller = Caller<typeof AGENT_CONTRACT>;

/** A client of the lab's romanad; the caller closes it. */
export function connectTo(paths: LabPaths): Client {
  return createClient({ server: parseServer(paths.romanad.socket), retries: 0 });
}

/** A client of an agent; the caller closes it. */
export function connectToAgent({ socket }: ProgramPaths): AgentCaller {
  return new Caller(AGENT_CONTRACT, { server: parseServer(socket), retries: 0 });
}

/** The last report of the agent of a host; undefined when it never reported. */
export async function reportOf(client: Client, host: string): Promise<HostStatus | undefined> {
  try {
    return await client.call("getHostStatus", { params: { host } });
  } catch (error) {
    if (hasCode(error, "not-found")) return undefined;
    throw error;
  }
}
