import { isDeepStrictEqual } from "node:util";
import type { Client } from "../../../src/client/index.ts";
import type { Policy } from "../../../src/model/index.ts";
import { type Address, formatPrefix, prefixContains } from "../../../src/net/index.ts";
import { encodePolicy, type WatchChange, type WatchKind } from "../../../src/schema/index.ts";

type Of<K extends WatchKind> = Extract<WatchChange, { kind: K }>["object"];

/** What agents are told, besides what is on their own host. */
const KINDS = "networks,hosts,tenants,segments,policies,exceptions";

/** What romanad tells every agent, as an agent hears it. */
export class RomanadView {
  readonly hosts = new Map<string, Of<"hosts">>();
  readonly tenants = new Map<string, Of<"tenants">>();
  readonly segments = new Map<string, Of<"segments">>();
  readonly #policies = new Map<string, Of<"policies">>();
  readonly #exceptions = new Map<string, Of<"exceptions">>();
  readonly #stop = new AbortController();
  #revision = 0;
  #error: unknown;

  /** Follows from the beginning of a store that is young enough to remember it. */
  constructor(client: Client) {
    void this.#follow(client);
  }

  /** Of the last change that agents were told. @throws whatever ended the watch */
  get revision(): number {
    if (this.#error !== undefined) throw this.#error;
    return this.#revision;
  }

  /** True when the policy is there, and says this; or, without one, when none of the ID is there. */
  hasPolicy(id: string, policy: Policy | undefined): boolean {
    const known = this.#policies.get(id);
    if (known === undefined || policy === undefined) return known === policy;
    return isDeepStrictEqual(encodePolicy(known), encodePolicy(policy));
  }

  /** The segment that whoever has the address acts as, when its bits say another one. */
  actsAs(address: Address): string | undefined {
    const found = [...this.#exceptions.values()].find(({ blocks }) =>
      blocks.some((block) => block.family === address.family && prefixContains(block, address)),
    );
    return found?.segment;
  }

  close(): void {
    this.#stop.abort();
  }

  async #follow(client: Client): Promise<void> {
    const { signal } = this.#stop;
    try {
      for await (const { revision, changes } of client.watch({ kinds: KINDS, after: 0 }, { signal })) {
        for (const change of changes) this.#take(change);
        this.#revision = revision;
      }
    } catch (error) {
      this.#error = error;
    }
  }

  #take(change: WatchChange): void {
    const { kind, type, object } = change;
    if (kind === "hosts") put(this.hosts, type, object.name, object);
    if (kind === "tenants") put(this.tenants, type, object.name, object);
    if (kind === "segments") put(this.segments, type, `${object.tenant}/${object.name}`, object);
    if (kind === "policies") put(this.#policies, type, object.id, object);
    if (kind === "exceptions") put(this.#exceptions, type, object.blocks.map(formatPrefix).join(), object);
  }
}

function put<T>(map: Map<string, T>, type: "put" | "delete", key: string, object: T): void {
  if (type === "put") map.set(key, object);
  else map.delete(key);
}
