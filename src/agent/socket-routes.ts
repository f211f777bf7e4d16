import { notFound, RomanaError } from "../model/index.ts";
import { AGENT_CONTRACT, encodeAgentStatus, encodeAttachment, encodeHostCounters } from "../schema/index.ts";
import type { Agent } from "./agent.ts";

/** What a route answers: a status and a body, JSON unless it is text. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

type Operation = keyof typeof AGENT_CONTRACT;
type Handler = (agent: Agent, ref: string, body: unknown) => Promise<Answer> | Answer;

const HANDLERS: Readonly<Record<Operation, Handler>> = {
  getAgentStatus: (agent) => ok(encodeAgentStatus(agent.status())),
  getDesired: (agent) => {
    const desired = agent.desired();
    if (desired !== undefined) return ok(desired);
    throw new RomanaError("Cannot show the desired state: romanad has not told about this host yet", {
      code: "unavailable",
    });
  },
  getCounters: async (agent) => ok(encodeHostCounters(await agent.counters())),
  listAttachments: (agent) => ok({ items: agent.attachments().map(encodeAttachment) }),
  getAttachment: (agent, ref) => {
    const attachment = agent.attachment(ref);
    if (attachment === undefined) throw notFound("attachment", ref);
    return ok(encodeAttachment(attachment));
  },
  createAttachment: async (agent, _, body) => {
    const { created, attachment } = await agent.attach(body);
    return { status: created ? 201 : 200, body: encodeAttachment(attachment) };
  },
  checkAttachment: (agent, ref, body) => ok({ problems: agent.check(ref, body) }),
  deleteAttachment: async (agent, ref) => ok(await agent.detach(ref)),
};

/** The operation that a request asks for, ready to run; `wantsBody` says whether it reads one. */
export interface Route {
  readonly wantsBody: boolean;
  readonly run: (agent: Agent, body: unknown) => Promise<Answer> | Answer;
}

/** Path of the metrics, which are text and no operation of the contract. */
const METRICS_PATH = "/metrics";

/** Finds what is asked for. @throws RomanaError `not-found`. */
export function findRoute(method: string, path: string): Route {
  if (method === "GET" && path === METRICS_PATH) {
    return {
      wantsBody: false,
      run: (agent) => ({ status: 200, body: agent.metrics.registry.render() }),
    };
  }
  for (const operation of Object.keys(AGENT_CONTRACT) as Operation[]) {
    const route = AGENT_CONTRACT[operation];
    const ref = method === route.method ? matchPath(route.path, path) : undefined;
    if (ref === undefined) continue;
    const handler = HANDLERS[operation];
    return { wantsBody: "body" in route, run: (agent, body) => handler(agent, ref, body) };
  }
  throw notFound("operation", `${method} ${path}`);
}

/** The one parameter of the path, empty when it has none; undefined when the path is another. */
function matchPath(pattern: string, path: string): string | undefined {
  const [prefix, parameter] = pattern.split(":") as [string, string?];
  if (parameter === undefined) return path === prefix ? "" : undefined;
  const suffix = parameter.replace(/^\w+/, "");
  const isLongEnough = path.length > prefix.length + suffix.length;
  if (!isLongEnough || !path.startsWith(prefix) || !path.endsWith(suffix)) return undefined;
  try {
    return decodeURIComponent(path.slice(prefix.length, path.length - suffix.length));
  } catch {
    return undefined;
  }
}

function ok(body: unknown): Answer {
  return { status: 200, body };
}
