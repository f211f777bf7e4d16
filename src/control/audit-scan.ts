import { RomanaError } from "../model/index.ts";
import type { Change, Entry, Store } from "../store/index.ts";
import { EndpointRows, type Fault } from "./endpoint-rows.ts";
import type { Recording } from "./feed.ts";
import { Fingerprint } from "./fingerprint.ts";
import { PREFIX, readSpot } from "./keys.ts";
import { type Stored, World } from "./world.ts";

/** Rows read at once: a few milliseconds. */
const PAGE = 2000;
/** Most suspects that are looked at closely; more are only counted. */
const MAX_SUSPECTS = 10_000;
/** How long the last changes may take to arrive, in milliseconds. */
const CATCH_UP = 5_000;

const NOUN_PREFIXES = [
  PREFIX.network,
  PREFIX.host,
  PREFIX.hostId,
  PREFIX.hostAddress,
  PREFIX.tenant,
  PREFIX.tenantId,
  PREFIX.tenantUsage,
  PREFIX.segment,
  PREFIX.segmentCode,
  PREFIX.status,
  PREFIX.statusRoutes,
  PREFIX.policy,
  PREFIX.policyTrial,
  PREFIX.exception,
  PREFIX.relocation,
  PREFIX.workload,
  PREFIX.workloadEndpoints,
  PREFIX.virtualIp,
  PREFIX.virtualIpAddress,
  PREFIX.service,
  PREFIX.serviceAddress,
  PREFIX.backends,
  PREFIX.chain,
  PREFIX.fabric,
] as const;

/** A row that looked wrong when it was read. */
export interface Suspect {
  readonly key: string;
  readonly fault: Fault;
}

/** How far a prefix was read at which revision, in the order of keys. */
interface Mark {
  readonly lastKey: string | undefined;
  readonly revision: number;
}

/**
 * Reads the whole store in pages, letting other work in between, and brings what it has seen to one revision: of every
 * change during the reading it knows whether its page had it already, and adds those that had not.
 */
export class AuditScan {
  readonly nouns = new Map<string, Stored>();
  readonly suspects: Suspect[] = [];
  /** Suspects that there was no room for. */
  overflow = 0;
  endpoints = 0;
  keys = 0;
  expiredRests = 0;
  revision = 0;
  readonly names = new Fingerprint();
  readonly tokens = new Fingerprint();
  /** Endpoints by tenant. */
  readonly counts = new Map<string, number>();
  /** Segments that endpoints act as, by spot. */
  readonly acting = new Map<string, string>();
  /** Hosts where endpoints are that are not where their address says, by spot. */
  readonly located = new Map<string, string>();
  /** Workloads that endpoints were allocated for, by spot. */
  readonly born = new Map<string, string>();
  world: World;
  readonly #store: Store;
  readonly #now: number;
  readonly #signal: AbortSignal | undefined;
  readonly #marks = new Map<string, Mark[]>();
  /** Rows that are newer than the nouns: they are judged again when the nouns are as new. */
  readonly #fresh: { readonly key: string; readonly value: string }[] = [];
  /** Revision that the nouns were read at. */
  #nounRevision = 0;
  #rows: EndpointRows;

  constructor(store: Store, now: number, signal: AbortSignal | undefined) {
    this.#store = store;
    this.#now = now;
    this.#signal = signal;
    this.world = new World(this.nouns);
    this.#rows = new EndpointRows(this.world);
  }

  /** Reads everything; `recording` must have begun before. */
  async run(recording: Recording): Promise<void> {
    for (const prefix of NOUN_PREFIXES) {
      for await (const entries of this.#pages(prefix)) {
        for (const { key, value, modRevision } of entries)
          this.nouns.set(key, { value, revision: modRevision });
      }
    }
    this.#nounRevision = this.revision;
    this.#look();
    await this.#readEndpoints();
    await this.#readIndex(PREFIX.endpointName, this.names);
    await this.#readIndex(PREFIX.endpointToken, this.tokens);
    if (!(await recording.reaches(this.revision, CATCH_UP)) || recording.isBroken) {
      throw new RomanaError("Cannot check the store: too much changed meanwhile; try again", {
        code: "unavailable",
      });
    }
    this.#replay(recording);
  }

  #look(): void {
    this.world = new World(this.nouns);
    this.#rows = new EndpointRows(this.world);
  }

  async *#pages(prefix: string): AsyncGenerator<readonly Entry[], void, void> {
    const marks: Mark[] = [];
    this.#marks.set(prefix, marks);
    for (let after: string | undefined; ; ) {
      if (this.#signal?.aborted === true) {
        throw new RomanaError("Cannot check the store: nobody waits for it any more", { code: "aborted" });
      }
      const page = await this.#store.list(prefix, { limit: PAGE, ...(after !== undefined && { after }) });
      after = page.entries.at(-1)?.key;
      marks.push({ lastKey: page.more ? after : undefined, revision: page.revision });
      this.revision = Math.max(this.revision, page.revision);
      this.keys += page.entries.length;
      yield page.entries;
      if (!page.more) return;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async #readEndpoints(): Promise<void> {
    const rests = new RestCursor(this.#pages(PREFIX.cooling), (entry) => this.#checkRest(entry));
    for await (const entries of this.#pages(PREFIX.endpoint)) {
      const last = entries.at(-1);
      if (last === undefined) break;
      const resting = await rests.upTo(last.key.slice(PREFIX.endpoint.length));
      for (const { key, value, modRevision } of entries) {
        const fault = this.#addEndpoint(key, value, 1);
        if (fault === undefined) continue;
        if (modRevision <= this.#nounRevision) this.#suspect(key, fault);
        else this.#fresh.push({ key, value });
      }
      if (resting.size === 0) continue;
      for (const { key } of entries) {
        const spot = key.slice(PREFIX.endpoint.length);
        if (resting.has(spot)) this.#suspect(PREFIX.cooling + spot, COOLING_IN_USE);
      }
    }
    await rests.upTo(undefined);
  }

  #addEndpoint(key: string, value: string, sign: 1 | -1): Fault | undefined {
    const rows = this.#rows;
    const fault = rows.check(key, value);
    this.endpoints += sign;
    this.counts.set(rows.tenant, (this.counts.get(rows.tenant) ?? 0) + sign);
    const { name, token, actsAs, locatedOn, workload } = rows;
    const spot = PREFIX.endpoint.length;
    if (workload !== undefined) {
      if (sign === 1) this.born.set(key.slice(spot), workload);
      else this.born.delete(key.slice(spot));
    }
    if (actsAs !== undefined) {
      if (sign === 1) this.acting.set(key.slice(spot), actsAs);
      else this.acting.delete(key.slice(spot));
    }
    if (locatedOn !== undefined) {
      if (sign === 1) this.located.set(key.slice(spot), locatedOn);
      else this.located.delete(key.slice(spot));
    }
    if (name.end > name.start) {
      this.names.add(name.text, name.start, name.end, key, spot, key.length, sign);
    }
    if (token.end > token.start) {
      this.tokens.add(token.text, token.start, token.end, key, spot, key.length, sign);
    }
    return fault;
  }

  async #readIndex(prefix: string, fingerprint: Fingerprint): Promise<void> {
    for await (const entries of this.#pages(prefix)) {
      for (const { key, value } of entries) addIndexRow(fingerprint, prefix, key, value, -1);
    }
  }

  #checkRest({ key, value }: Entry): void {
    const spot = readSpot(key.slice(PREFIX.cooling.length));
    const until = Number(value);
    if (spot === undefined)
      this.#suspect(key, { kind: "unknown-key", message: "The key names no endpoint ID" });
    else if (value === "" || Number.isNaN(until)) {
      this.#suspect(key, { kind: "unparsable-value", message: "The value is not a time" });
    } else if (until <= this.#now) this.expiredRests++;
  }

  /** Adds the changes that came after their page was read. */
  #replay({ batches }: Recording): void {
    let isNounChanged = false;
    const late: Change[] = [];
    for (const { revision, changes } of batches) {
      this.revision = Math.max(this.revision, revision);
      for (const change of changes) {
        const prefix = change.key.slice(0, change.key.indexOf("/") + 1);
        const marks = this.#marks.get(prefix);
        if (marks === undefined || isSeen(marks, change.key, revision)) continue;
        if (prefix === PREFIX.endpoint || prefix === PREFIX.endpointName || prefix === PREFIX.endpointToken) {
          late.push(change);
        } else if (prefix !== PREFIX.cooling) {
          isNounChanged = true;
          if (change.entry === undefined) this.nouns.delete(change.key);
          else this.nouns.set(change.key, { value: change.entry.value, revision });
        }
      }
    }
    if (isNounChanged) this.#look();
    for (const { key, value } of this.#fresh) {
      const fault = this.#rows.check(key, value);
      if (fault !== undefined) this.#suspect(key, fault);
    }
    for (const { key, entry, previous } of late) {
      if (previous !== undefined) this.#replayRow(key, previous, -1);
      if (entry !== undefined) this.#replayRow(key, entry.value, 1);
    }
  }

  #replayRow(key: string, value: string, sign: 1 | -1): void {
    if (key.startsWith(PREFIX.endpoint)) {
      const fault = this.#addEndpoint(key, value, sign);
      if (fault !== undefined && sign === 1) this.#suspect(key, fault);
    } else if (key.startsWith(PREFIX.endpointName))
      addIndexRow(this.names, PREFIX.endpointName, key, value, flip(sign));
    else addIndexRow(this.tokens, PREFIX.endpointToken, key, value, flip(sign));
  }

  #suspect(key: string, fault: Fault): void {
    if (this.suspects.length < MAX_SUSPECTS) this.suspects.push({ key, fault });
    else this.overflow++;
  }
}

/** A rest of an ID that is in use. */
export const COOLING_IN_USE: Fault = {
  kind: "cooling-in-use",
  message: "The ID rests although an endpoint has it",
};

/** Rests in the order of keys, in step with the endpoints. */
class RestCursor {
  readonly #pages: AsyncIterator<readonly Entry[]>;
  readonly #visit: (entry: Entry) => void;
  #entries: readonly Entry[] = [];
  #next = 0;
  #isDone = false;

  constructor(pages: AsyncIterator<readonly Entry[]>, visit: (entry: Entry) => void) {
    this.#pages = pages;
    this.#visit = visit;
  }

  /** The spots of the rests from where the last call ended up to this one; undefined: to the end. */
  async upTo(spot: string | undefined): Promise<ReadonlySet<string>> {
    const spots = new Set<string>();
    for (;;) {
      for (; this.#next < this.#entries.length; this.#next++) {
        const entry = this.#entries[this.#next] as Entry;
        const own = entry.key.slice(PREFIX.cooling.length);
        if (spot !== undefined && own > spot) return spots;
        this.#visit(entry);
        spots.add(own);
      }
      if (this.#isDone) return spots;
      const { value, done } = await this.#pages.next();
      this.#isDone = done === true;
      this.#entries = done === true ? [] : value;
      this.#next = 0;
    }
  }
}

function addIndexRow(
  fingerprint: Fingerprint,
  prefix: string,
  key: string,
  value: string,
  sign: 1 | -1,
): void {
  fingerprint.add(key, prefix.length, key.length, value, 0, value.length, sign);
}

function flip(sign: 1 | -1): 1 | -1 {
  return sign === 1 ? -1 : 1;
}

/** True when the page that covers the key was read at this revision or later. */
function isSeen(marks: readonly Mark[], key: string, revision: number): boolean {
  let low = 0;
  let high = marks.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    const { lastKey } = marks[middle] as Mark;
    if (lastKey === undefined || lastKey >= key) high = middle;
    else low = middle + 1;
  }
  return (marks[low]?.revision ?? 0) >= revision;
}
