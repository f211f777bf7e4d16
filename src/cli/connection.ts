import type { Client } from "../client/index.ts";
import type { AgentCaller, Connection, Context, Input, Option } from "./command.ts";

/** Where romanad is when nothing else is said. */
const DEFAULT_SERVER = "unix:///run/romana/romanad.sock";

/** Where the agent of this host is when nothing else is said. */
const DEFAULT_AGENT = "unix:///run/romana/agent.sock";

/** The option that says where a program is. */
export const CONNECTION_OPTIONS: Readonly<Record<Connection, Option>> = {
  romanad: {
    name: "server",
    value: "URL",
    summary: `Where romanad is; default $ROMANA_SERVER or ${DEFAULT_SERVER}`,
  },
  agent: {
    name: "socket",
    value: "PATH",
    summary: `Where the agent is; default $ROMANA_AGENT or ${DEFAULT_AGENT}`,
  },
};

/** A person waits: one more try over a broken connection, no long patience. */
const RETRIES = 1;

/** Connections of one command, made when they are first asked for. */
export interface Connections {
  client(): Promise<Client>;
  agent(): Promise<AgentCaller>;
  close(): Promise<void>;
}

/** The connections that the options and the environment of a command describe. */
export function openConnections(input: Pick<Input, "text">, env: Context["env"]): Connections {
  let client: Client | undefined;
  let agent: AgentCaller | undefined;
  return {
    client: async () => {
      const { createClient, parseServer } = await import("../client/index.ts");
      const server = input.text(CONNECTION_OPTIONS.romanad.name) || env["ROMANA_SERVER"] || DEFAULT_SERVER;
      client ??= createClient({ server: parseServer(server), retries: RETRIES });
      return client;
    },
    agent: async () => {
      const { Caller, parseServer } = await import("../client/index.ts");
      const { AGENT_CONTRACT } = await import("../schema/index.ts");
      const socket = input.text(CONNECTION_OPTIONS.agent.name) || env["ROMANA_AGENT"] || DEFAULT_AGENT;
      agent ??= new Caller(AGENT_CONTRACT, { server: parseServer(socket), retries: RETRIES });
      return agent;
    },
    close: async () => {
      await client?.close();
      await agent?.close();
    },
  };
}
