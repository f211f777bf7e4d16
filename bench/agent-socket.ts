import { Agent as HttpAgent, request } from "node:http";

const connections = new HttpAgent({ keepAlive: true });

/** An agent's answer. */
export interface AgentAnswer {
  readonly status: number;
  readonly text: string;
}

/**
 * Asks an agent for an attach of acme's segment web over its socket: nothing but HTTP, so that the client does not
 * measure itself.
 */
export function postAttachment(
  socketPath: string,
  name: string,
  netns: string,
  device: string,
): Promise<AgentAnswer> {
  const body = JSON.stringify({
    name,
    requestToken: `bench/${name}`,
    tenant: "acme",
    segment: "web",
    attach: { kind: "netns", netns, interface: device },
  });
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        socketPath,
        path: "/v1/attachments",
        method: "POST",
        agent: connections,
        headers: { "content-type": "application/json", "content-length": Buffer.byteLength(body) },
      },
      (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (part: string) => {
          text += part;
        });
        response.once("end", () => resolve({ status: response.statusCode ?? 0, text }));
        response.once("error", reject);
      },
    );
    sent.once("error", reject);
    sent.end(body);
  });
}
