import { Agent, request } from "node:https";

/** Where an API server of Kubernetes is, and what it is asked with. */
export interface ApiSettings {
  /** `https://HOST:PORT`. */
  readonly server: string;
  /** Certificate to trust, PEM. */
  readonly ca: string;
  readonly token: string;
}

/** An object as the API server tells of it. */
export interface ApiObject {
  readonly metadata: { readonly name: string; readonly uid: string };
}

/** Asks an API server with little effort: the asking must not be what is measured. */
export class ApiClient {
  readonly #settings: ApiSettings;
  readonly #connections = new Agent({ keepAlive: true, maxSockets: 20 });

  constructor(settings: ApiSettings) {
    this.#settings = settings;
  }

  create(path: string, object: object): Promise<ApiObject> {
    return this.#ask("POST", path, object);
  }

  patch(path: string, change: object): Promise<ApiObject> {
    return this.#ask("PATCH", path, change, "application/merge-patch+json");
  }

  /** Deletes it at once. */
  delete(path: string): Promise<ApiObject> {
    return this.#ask("DELETE", path, { kind: "DeleteOptions", apiVersion: "v1", gracePeriodSeconds: 0 });
  }

  close(): void {
    this.#connections.destroy();
  }

  #ask(method: string, path: string, body: object, type = "application/json"): Promise<ApiObject> {
    const { server, ca, token } = this.#settings;
    const { promise, resolve, reject } = Promise.withResolvers<ApiObject>();
    const text = JSON.stringify(body);
    const headers = {
      authorization: `Bearer ${token}`,
      "content-type": type,
      "content-length": Buffer.byteLength(text),
    };
    const sent = request(`${server}${path}`, { method, ca, headers, agent: this.#connections }, (answer) => {
      let received = "";
      answer.setEncoding("utf8").on("data", (part: string) => {
        received += part;
      });
      answer.once("error", reject);
      answer.once("end", () => {
        const isFine = (answer.statusCode ?? 500) < 300;
        if (isFine) resolve(JSON.parse(received) as ApiObject);
        else reject(new Error(`${method} ${path}: ${answer.statusCode} ${received.slice(0, 300)}`));
      });
    });
    sent.once("error", reject);
    sent.end(text);
    return promise;
  }
}
