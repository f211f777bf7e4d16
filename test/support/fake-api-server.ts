import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { KubeConfig } from "@kubernetes/client-node";

/** An object of the API. */
export interface ApiObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly [key: string]: unknown;
  };
  readonly [key: string]: unknown;
}

interface Change {
  readonly version: number;
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly collection: string;
  readonly object: ApiObject;
}

interface Watcher {
  readonly collection: string;
  readonly response: ServerResponse;
}

interface Place {
  /** Path of the listing over all namespaces. */
  readonly collection: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly part?: string;
}

/** As much of an API server of Kubernetes as a controller uses, with bad days on demand. */
export class FakeApiServer {
  /** Requests so far, as `GET /api/v1/pods?limit=500`. */
  readonly requests: string[] = [];
  /** Listings (paths) that are not served. */
  readonly absent = new Set<string>();
  /** While true every connection breaks. */
  isAway = false;
  /** Called before each answer; a status that it answers is the answer. */
  before: ((method: string, path: string) => number | undefined) | undefined;
  readonly #objects = new Map<string, Map<string, ApiObject>>();
  readonly #server: Server;
  readonly #watchers = new Set<Watcher>();
  #history: Change[] = [];
  #version = 1000;
  #oldest = 0;
  #uid = 0;

  private constructor() {
    this.#server = createServer((request, response) => {
      void this.#answer(request, response);
    });
  }

  /** One that listens. */
  static async start(): Promise<FakeApiServer> {
    const fake = new FakeApiServer();
    await new Promise<void>((resolve) => fake.#server.listen(0, "127.0.0.1", resolve));
    return fake;
  }

  get config(): KubeConfig {
    const { port } = this.#server.address() as AddressInfo;
    const config = new KubeConfig();
    config.loadFromOptions({
      clusters: [{ name: "fake", server: `http://127.0.0.1:${port}`, skipTLSVerify: true }],
      users: [{ name: "tester", token: "secret" }],
      contexts: [{ name: "fake", cluster: "fake", user: "tester" }],
      currentContext: "fake",
    });
    return config;
  }

  get watchers(): number {
    return this.#watchers.size;
  }

  /** Creates or replaces an object of a listing; as it is stored. */
  put(collection: string, object: ApiObject): ApiObject {
    const objects = this.#objects.get(collection) ?? new Map<string, ApiObject>();
    this.#objects.set(collection, objects);
    const key = `${object.metadata.namespace ?? ""}/${object.metadata.name}`;
    const before = objects.get(key);
    this.#version += 1;
    const uid = object.metadata.uid ?? before?.metadata.uid ?? `uid-${++this.#uid}`;
    const stored = {
      ...object,
      metadata: { ...object.metadata, uid, resourceVersion: String(this.#version) },
    };
    objects.set(key, stored);
    this.#tell({
      version: this.#version,
      type: before === undefined ? "ADDED" : "MODIFIED",
      collection,
      object: stored,
    });
    return stored;
  }

  get(collection: string, name: string, namespace = ""): ApiObject | undefined {
    return this.#objects.get(collection)?.get(`${namespace}/${name}`);
  }

  list(collection: string): readonly ApiObject[] {
    return [...(this.#objects.get(collection)?.values() ?? [])];
  }

  remove(collection: string, name: string, namespace = ""): void {
    const key = `${namespace}/${name}`;
    const object = this.#objects.get(collection)?.get(key);
    if (object === undefined) return;
    this.#objects.get(collection)?.delete(key);
    this.#version += 1;
    const metadata = { ...object.metadata, resourceVersion: String(this.#version) };
    this.#tell({ version: this.#version, type: "DELETED", collection, object: { ...object, metadata } });
  }

  /** Forgets what has happened so far: older watches are told that it is gone. */
  compact(): void {
    this.#history = [];
    this.#oldest = this.#version;
  }

  /** Tells all watches how far things are. */
  bookmark(): void {
    for (const { response } of this.#watchers) {
      send(response, "BOOKMARK", { metadata: { resourceVersion: String(this.#version) } });
    }
  }

  /** Writes a line to all watches. */
  write(line: string): void {
    for (const { response } of this.#watchers) response.write(line);
  }

  /** Ends all watches: in order, or as a broken connection. */
  disconnect(how: "end" | "break" = "end"): void {
    for (const { response } of this.#watchers) {
      if (how === "end") response.end();
      else response.destroy();
    }
    this.#watchers.clear();
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #tell(change: Change): void {
    this.#history.push(change);
    for (const { collection, response } of this.#watchers) {
      if (collection === change.collection) send(response, change.type, change.object);
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "GET", url = "/" } = request;
    const body = await readBody(request);
    this.requests.push(`${method} ${url}`);
    if (this.isAway) {
      request.socket.destroy();
      return;
    }
    const { pathname, searchParams } = new URL(url, "http://fake");
    const forced = this.before?.(method, pathname);
    const place = placeOf(pathname);
    const isUnknown = place.collection === "/" || this.absent.has(place.collection);
    const status = forced ?? (isUnknown ? 404 : undefined);
    if (status !== undefined) refuse(response, status);
    else if (method === "GET" && place.name === undefined) {
      if (searchParams.get("watch") === "true") this.#watch(place.collection, searchParams, response);
      else this.#list(place.collection, searchParams, response);
    } else this.#change(method, place, body, response);
  }

  #list(collection: string, query: URLSearchParams, response: ServerResponse): void {
    const all = this.list(collection);
    const start = Number(query.get("continue") ?? 0);
    const end = start + Number(query.get("limit") ?? all.length);
    const metadata = {
      resourceVersion: String(this.#version),
      ...(end < all.length && { continue: String(end) }),
    };
    answer(response, 200, { metadata, items: all.slice(start, end) });
  }

  #watch(collection: string, query: URLSearchParams, response: ServerResponse): void {
    const after = Number(query.get("resourceVersion"));
    response.writeHead(200, { "content-type": "application/json" }).flushHeaders();
    if (after < this.#oldest) {
      send(response, "ERROR", { kind: "Status", code: 410, message: "too old resource version" });
      response.end();
      return;
    }
    for (const { version, type, object, ...change } of this.#history) {
      if (version > after && change.collection === collection) send(response, type, object);
    }
    const watcher = { collection, response };
    this.#watchers.add(watcher);
    response.on("close", () => this.#watchers.delete(watcher));
  }

  #change(method: string, place: Place, body: ApiObject, response: ServerResponse): void {
    const { collection, namespace, part } = place;
    const name = place.name ?? body.metadata.name;
    const before = this.get(collection, name, namespace);
    const owner = namespace === undefined ? {} : { namespace };
    if (method === "POST") {
      if (before !== undefined) return refuse(response, 409);
      return answer(
        response,
        201,
        this.put(collection, { ...body, metadata: { ...body.metadata, ...owner } }),
      );
    }
    if (before === undefined) return refuse(response, 404);
    if (method === "GET") return answer(response, 200, before);
    if (method === "DELETE") {
      this.remove(collection, name, namespace);
      return answer(response, 200, { kind: "Status", status: "Success" });
    }
    if (method === "PUT") {
      if (body.metadata.resourceVersion !== before.metadata.resourceVersion) return refuse(response, 409);
      return answer(response, 200, this.put(collection, body));
    }
    const changed = part === "status" ? { ...before, status: body["status"] } : { ...before, ...body };
    return answer(response, 200, this.put(collection, { ...changed, metadata: before.metadata }));
  }
}

/** `/api/v1/namespaces/NS/pods/NAME/status` and `/api/v1/pods` are of one listing. */
function placeOf(path: string): Place {
  const match =
    /^(\/api\/v1|\/apis\/[^/]+\/[^/]+)(?:\/namespaces\/([^/]+)(?=\/[^/]+))?\/([^/]+)(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(
      path,
    );
  const [, base = "", namespace, plural = "", name, part] = match ?? [];
  return {
    collection: `${base}/${plural}`,
    ...(namespace !== undefined && { namespace }),
    ...(name !== undefined && { name }),
    ...(part !== undefined && { part }),
  };
}

function send(response: ServerResponse, type: string, object: unknown): void {
  response.write(`${JSON.stringify({ type, object })}\n`);
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

function refuse(response: ServerResponse, status: number): void {
  answer(response, status, {
    kind: "Status",
    status: "Failure",
    code: status,
    message: `refused with ${status}`,
  });
}

async function readBody(request: IncomingMessage): Promise<ApiObject> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  return (text === "" ? {} : JSON.parse(text)) as ApiObject;
}
