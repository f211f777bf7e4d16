import { HttpMethod, type KubeConfig, RequestContext } from "@kubernetes/client-node";
import { Agent, type Dispatcher, request } from "undici";
import { hasCode, RomanaError } from "../model/index.ts";
import { errorOfConnection, errorOfStatus } from "./api-failure.ts";
import { readJsonLines } from "./json-lines.ts";

/** One request to the Kubernetes API. */
export interface ApiCall {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Path below the server, such as `/api/v1/nodes`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Media type of the body; default JSON. */
  readonly contentType?: string;
  readonly signal?: AbortSignal;
  /** Longest silence in milliseconds; default 15 s. */
  readonly timeout?: number;
}

/** Default of {@link ApiCall.timeout}. */
const DEFAULT_TIMEOUT = 15_000;
/** Tokens are renewed in their files long before they end; so often they are read, in milliseconds. */
const CREDENTIAL_AGE = 60_000;
const CONNECT_TIMEOUT = 10_000;

interface Credentials {
  readonly headers: Readonly<Record<string, string>>;
  readonly readAt: number;
}

/**
 * The Kubernetes API of one cluster, over the credentials of a kubeconfig. Owns its connections. (The library's own
 * requests make a connection each, and its watch tells nobody why it ended.)
 */
export class ApiServer {
  readonly #config: KubeConfig;
  readonly #origin: string;
  readonly #now: () => number;
  #dispatcher: Dispatcher | undefined;
  #credentials: Credentials | undefined;

  constructor(config: KubeConfig, now: () => number = Date.now) {
    this.#config = config;
    this.#now = now;
    this.#origin = (config.getCurrentCluster()?.server ?? "").replace(/\/+$/, "");
  }

  /** Namespace of the pod or the context that this process is in, when one is named. */
  get namespace(): string | undefined {
    return this.#config.getContextObject(this.#config.getCurrentContext())?.namespace;
  }

  /**
   * The answer as JSON.
   * @throws RomanaError with the code that the status means; `unavailable`, `timeout` or `aborted` without an answer.
   */
  async call(call: ApiCall): Promise<unknown> {
    const what = `${call.method} ${call.path}`;
    const answer = await this.#send(call);
    try {
      return JSON.parse(await answer.body.text());
    } catch (error) {
      throw errorOfConnection(what, error, call.signal);
    }
  }

  /**
   * The events of a watch, one after another, until the server ends it.
   * @throws RomanaError as {@link call}, also when an event itself says what is wrong.
   */
  async *watch(call: Omit<ApiCall, "method">): AsyncIterable<WatchEvent> {
    const what = `watch ${call.path}`;
    const answer = await this.#send({ ...call, method: "GET" });
    try {
      for await (const line of readJsonLines(answer.body)) {
        const { type, object } = line as WatchEvent;
        if (type === "ERROR") {
          throw errorOfStatus(what, call.path, Number((object as { code?: unknown }).code), object);
        }
        yield { type, object };
      }
    } catch (error) {
      throw errorOfConnection(what, error, call.signal);
    } finally {
      answer.body.destroy();
    }
  }

  /** Closes the connections; calls under way fail. */
  async close(): Promise<void> {
    await this.#dispatcher?.destroy();
  }

  async #send(call: ApiCall): Promise<Dispatcher.ResponseData> {
    const { method, path, query = {}, body, contentType = "application/json", signal } = call;
    const { timeout = DEFAULT_TIMEOUT } = call;
    const what = `${method} ${path}`;
    const url = new URL(this.#origin + path);
    for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value);
    let answer: Dispatcher.ResponseData;
    try {
      const { headers, dispatcher } = await this.#authorize(url);
      answer = await request(url, {
        method,
        dispatcher,
        headers: {
          ...headers,
          accept: "application/json",
          ...(body !== undefined && { "content-type": contentType }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        ...(signal && { signal }),
        headersTimeout: timeout,
        bodyTimeout: timeout,
      });
    } catch (error) {
      // Certificates may be new since; the next call reads them.
      if (signal?.aborted !== true && this.#isOld()) this.#forgetCredentials();
      throw errorOfConnection(what, error, signal);
    }
    if (answer.statusCode < 400) return answer;
    const text = await answer.body.text().catch(() => "");
    const error = errorOfStatus(what, path, answer.statusCode, parsed(text));
    // New credentials may be in the files by now, certificates too.
    if (hasCode(error, "unauthenticated")) this.#forgetCredentials();
    throw error;
  }

  async #authorize(url: URL): Promise<{ headers: Readonly<Record<string, string>>; dispatcher: Dispatcher }> {
    if (this.#credentials === undefined || this.#isOld()) {
      const context = new RequestContext(url.href, HttpMethod.GET);
      await this.#config.applySecurityAuthentication(context);
      this.#credentials = { headers: context.getHeaders(), readAt: this.#now() };
      const made = context.getDispatcher();
      if (this.#dispatcher === undefined) {
        this.#dispatcher = made ?? new Agent({ connect: { timeout: CONNECT_TIMEOUT } });
      } else {
        void made?.close();
      }
    }
    if (this.#dispatcher === undefined) {
      throw new RomanaError(`Cannot reach ${this.#origin}: there are no credentials`, { code: "internal" });
    }
    return { headers: this.#credentials.headers, dispatcher: this.#dispatcher };
  }

  #isOld(): boolean {
    return this.#now() - (this.#credentials?.readAt ?? this.#now()) > CREDENTIAL_AGE;
  }

  #forgetCredentials(): void {
    this.#credentials = undefined;
    // Watches that go on end by themselves.
    void this.#dispatcher?.close();
    this.#dispatcher = undefined;
  }
}

/** One event of a watch. */
export interface WatchEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  readonly object: unknown;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
