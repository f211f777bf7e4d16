import type { ErrorCode } from "../model/index.ts";
import { CNI_CODE, CniError, CODE_OF_REFUSAL, OWN_CODE } from "./cni-error.ts";
import { isObject, type JsonObject } from "./json-value.ts";
import type { Port } from "./port.ts";

/** An attachment as the agent tells of it, as far as the plugin looks at it. */
export interface Attachment {
  readonly endpoint: {
    readonly addresses: { readonly ipv4?: string; readonly ipv6?: string };
    readonly requestToken?: string;
  };
  /** The device on the host. */
  readonly device: string;
  readonly mac?: string;
  readonly mtu: number;
  readonly gateways: { readonly ipv4?: string; readonly ipv6?: string };
}

/** An answer of the agent that is no refusal. */
export interface Answer {
  readonly status: number;
  readonly body: JsonObject;
}

/** The agent refuses; `code` and `noun` are those of its problem document. */
export class Refusal extends CniError {
  readonly refusal: string;
  readonly noun: string;

  constructor({ code, noun, title, detail }: JsonObject) {
    const refusal = typeof code === "string" ? code : "";
    const message = typeof title === "string" ? title : "The agent refuses";
    super(codeOf(refusal), message, typeof detail === "string" ? detail : undefined);
    this.refusal = refusal;
    this.noun = typeof noun === "string" ? noun : "";
  }
}

/** Path of an attachment, or of all. */
export function attachmentPath(token?: string): string {
  return token === undefined ? "/v1/attachments" : `/v1/attachments/${encodeURIComponent(token)}`;
}

/**
 * Asks the agent.
 * @throws CniError code 11 when it is not there, code 5 when its socket cannot be used; {@link Refusal}
 */
export async function askAgent(
  { exchange }: Pick<Port, "exchange">,
  socket: string,
  method: "GET" | "POST" | "DELETE",
  path: string,
  body?: JsonObject,
): Promise<Answer> {
  const answer = await exchange(socket, renderRequest(method, path, body));
  if (answer.failure !== undefined) {
    const isTemporary = TEMPORARY.includes(answer.failure);
    throw isTemporary ? agentAway(socket, answer.failure) : unusable(socket, answer.failure);
  }
  // The agent has ended before it answered.
  if (answer.text === "") throw agentAway(socket, "it hung up");
  const { status, body: json } = parseAnswer(answer.text);
  if (status >= 300) throw new Refusal(json);
  return { status, body: json };
}

/** Failures that mean that the agent does not run just now. */
const TEMPORARY = ["ENOENT", "ECONNREFUSED", "ECONNRESET", "EPIPE", "EAGAIN", "ETIMEDOUT"];

function codeOf(refusal: string): number {
  return Object.prototype.hasOwnProperty.call(CODE_OF_REFUSAL, refusal)
    ? CODE_OF_REFUSAL[refusal as ErrorCode]
    : OWN_CODE.internal;
}

/** An HTTP/1.0 request in ASCII: the answer comes in one piece, and ends with the connection. */
function renderRequest(method: string, path: string, body: JsonObject | undefined): string {
  const text = body === undefined ? "" : asciiJson(body);
  const about =
    body === undefined ? "" : `content-type: application/json\r\ncontent-length: ${text.length}\r\n`;
  return `${method} ${path} HTTP/1.0\r\nhost: agent\r\n${about}\r\n${text}`;
}

function asciiJson(value: JsonObject): string {
  return JSON.stringify(value).replace(
    /[^\x20-\x7e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function parseAnswer(text: string): Answer {
  const head = /^HTTP\/1\.[01] ([0-9]{3})[^]*?\r\n\r\n/.exec(text);
  try {
    if (head !== null) {
      const body: unknown = JSON.parse(text.slice(head[0].length));
      if (isObject(body)) return { status: Number(head[1]), body };
    }
  } catch {
    // Said below: an answer that was cut off is no answer either.
  }
  const details = `it answers ${JSON.stringify(text.slice(0, 200))}`;
  throw new CniError(OWN_CODE.internal, "Cannot understand the agent", details);
}

function agentAway(socket: string, reason: string): CniError {
  return new CniError(CNI_CODE.tryAgain, "The agent is away", `${socket}: ${reason}`);
}

function unusable(socket: string, reason: string): CniError {
  return new CniError(CNI_CODE.inputOutput, "Cannot use the agent's socket", `${socket}: ${reason}`);
}
