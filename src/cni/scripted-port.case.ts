import type { Exchange, Port } from "./port.ts";

/** What the plugin asked its agent. */
export interface Asked {
  readonly socket: string;
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
}

/** What an agent answers to one request: status and JSON, or why there is no answer. */
export type Reply = readonly [number, unknown] | string;

/** The reply of an agent that ends before it has answered. */
export const HANGS_UP = "hangs up";

/** A port with these variables and this input, whose agent answers as the script says; notes what goes out. */
export class ScriptedPort implements Port {
  readonly asked: Asked[] = [];
  output = "";
  readonly #variables: Readonly<Record<string, string>>;
  readonly #input: string;
  readonly #reply: (asked: Asked) => Reply;

  constructor(
    variables: Readonly<Record<string, string>>,
    input: unknown,
    reply: (asked: Asked) => Reply = () => "ENOENT",
  ) {
    this.#variables = variables;
    this.#input = typeof input === "string" ? input : JSON.stringify(input);
    this.#reply = reply;
  }

  readonly environment = (name: string): string | undefined => this.#variables[name];

  readonly readInput = async (): Promise<string> => this.#input;

  readonly writeOutput = (text: string): void => {
    this.output += text;
  };

  readonly exchange = async (socket: string, text: string): Promise<Exchange> => {
    const [head = "", body = ""] = text.split("\r\n\r\n");
    const [method = "", path = ""] = head.split(" ");
    const asked = { socket, method, path, body: body === "" ? undefined : (JSON.parse(body) as unknown) };
    this.asked.push(asked);
    const reply = this.#reply(asked);
    if (reply === HANGS_UP) return { text: "" };
    if (typeof reply === "string") return { failure: reply };
    const [status, json] = reply;
    const length = `content-length: ${JSON.stringify(json).length}`;
    return { text: `HTTP/1.1 ${status} Something\r\n${length}\r\n\r\n${JSON.stringify(json)}` };
  };

  /** What was printed, as JSON. */
  get printed(): unknown {
    return this.output === "" ? undefined : (JSON.parse(this.output) as unknown);
  }
}

/** Variables of a call for one container. */
export function variables(command: string, change: Record<string, string> = {}): Record<string, string> {
  return {
    CNI_COMMAND: command,
    CNI_CONTAINERID: "c1",
    CNI_NETNS: "/run/netns/c1",
    CNI_IFNAME: "eth0",
    CNI_PATH: "/opt/cni/bin",
    ...change,
  };
}

/** A configuration of the network `net`. */
export function config(change: Record<string, unknown> = {}): Record<string, unknown> {
  return { cniVersion: "1.0.0", name: "net", type: "romana-cni", tenant: "acme", segment: "web", ...change };
}

/** An attachment with both families. */
export const ATTACHMENT = {
  endpoint: { addresses: { ipv4: "10.1.1.27", ipv6: "fd00::27" }, requestToken: "cni/net/c1/eth0" },
  device: "rom0a01011b",
  mac: "02:00:00:00:00:01",
  mtu: 1500,
  gateways: { ipv4: "10.1.0.1", ipv6: "fd00::1" },
};

/** A problem document of the agent. */
export function problem(code: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    type: `urn:romana:error:${code}`,
    title: "A title",
    status: 400,
    detail: "A detail",
    code,
    ...more,
  };
}
