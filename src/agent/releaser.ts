import { type Endpoint, hasCode, isTemporary, RomanaError } from "../model/index.ts";
import type { AttachmentRecord, IntentRecord, Stored } from "../schema/index.ts";
import type { Attachments } from "./attachments.ts";
import { endpointKey, type HostKnowledge } from "./host-knowledge.ts";
import type { Journal } from "./journal.ts";
import type { KeyedLock } from "./keyed-lock.ts";
import type { Allocation, Romanad } from "./romanad.ts";

/** What a {@link Releaser} works with. */
export interface ReleaserSite {
  readonly journal: Journal;
  readonly attachments: Attachments;
  readonly locks: KeyedLock;
  readonly romanad: Romanad;
  /** Like romanad's, but waits for a workload that it does not know yet. */
  readonly allocate: Romanad["allocate"];
  /** What romanad has told; undefined while it never has. */
  readonly knowledge: () => HostKnowledge | undefined;
  readonly newId: () => string;
  /** The time in milliseconds since 1970 UTC. */
  readonly now: () => number;
}

/** An endpoint of an attach under way. */
export interface Allocated {
  readonly endpoint: Stored<Endpoint>;
  /** False when somebody else had allocated it before: then it is not the agent's to release. */
  readonly isOurs: boolean;
}

/**
 * Begins the request tokens that nobody but this host's agent allocates with: romana-cni gives them. Their attaches need no note
 * of their own on disk, one stands for all.
 */
const OWN_TOKENS = "cni/";

/** After so many milliseconds an answer that never came will not come any more. */
const UNCERTAIN_FOR = 15 * 60_000;

/**
 * Sees to it that every allocation ends in an attachment or is released: also when romanad's answer was lost, when
 * romanad is away at that moment, or when the agent was killed.
 */
export class Releaser {
  readonly #site: ReleaserSite;
  /** Attaches that came to nothing and may have left an allocation. */
  readonly #abandoned = new Map<string, IntentRecord>();
  #isSettling = false;
  #isWanted = false;
  /** What stands for all attaches with {@link OWN_TOKENS}, once it is on disk. */
  #standing: Promise<IntentRecord> | undefined;
  /** The one of an earlier life, whose attaches may have left something; and until when that may turn up. */
  readonly #former: { readonly intent: IntentRecord; readonly until: number } | undefined;

  /** @param intents attaches that were under way when the agent was killed */
  constructor(site: ReleaserSite, intents: readonly IntentRecord[]) {
    this.#site = site;
    for (const intent of intents) {
      if (intent.tokenPrefix === undefined) this.#abandoned.set(intent.id, intent);
      else {
        this.#standing = Promise.resolve(intent);
        this.#former = { intent, until: site.now() + UNCERTAIN_FOR };
      }
    }
  }

  /** Number of allocations that are not settled: of abandoned attaches, of an earlier life's, and of offline detaches. */
  get unsettled(): number {
    return this.#abandoned.size + this.#site.attachments.releasing.length + this.#leftOver().length;
  }

  /** Notes that an endpoint is about to be allocated by this name or token: on disk, if no other note stands for it. */
  async begin(key: Pick<IntentRecord, "name" | "requestToken">): Promise<IntentRecord> {
    const { journal, now, newId } = this.#site;
    const earlier = [...this.#abandoned.values()].find((intent) => isSameKey(intent, key));
    if (isOwnToken(key.requestToken)) {
      const { viewRevision } = await this.#stand();
      if (earlier !== undefined) this.#abandoned.delete(earlier.id);
      return { ...key, id: newId(), viewRevision, startedAt: now() };
    }
    const viewRevision = this.#site.knowledge()?.revision ?? 0;
    const intent: IntentRecord = {
      ...key,
      id: newId(),
      viewRevision: Math.min(viewRevision, earlier?.viewRevision ?? viewRevision),
      startedAt: now(),
    };
    await journal.begin(intent, earlier);
    if (earlier !== undefined) this.#abandoned.delete(earlier.id);
    return intent;
  }

  /** The note on disk that stands for all attaches with {@link OWN_TOKENS}. */
  #stand(): Promise<IntentRecord> {
    const { journal, now, newId, knowledge } = this.#site;
    if (this.#standing !== undefined) return this.#standing;
    const intent: IntentRecord = {
      id: newId(),
      tokenPrefix: OWN_TOKENS,
      viewRevision: knowledge()?.revision ?? 0,
      startedAt: now(),
    };
    const standing = journal.begin(intent).then(() => intent);
    this.#standing = standing;
    standing.catch(() => {
      this.#standing = undefined;
    });
    return standing;
  }

  /** Allocates. When it is not certain that nothing was allocated, what may turn up is released later. */
  async allocate(intent: IntentRecord, allocation: Allocation): Promise<Allocated> {
    try {
      const { endpoint, created } = await this.#site.allocate(allocation);
      return { endpoint, isOurs: created || isSince(intent, endpoint) };
    } catch (error) {
      if (error instanceof RomanaError && !isTemporary(error.code)) await this.#site.journal.forget(intent);
      else this.#abandoned.set(intent.id, intent);
      throw error;
    }
  }

  /** Gives back what an attach that failed had allocated, at the latest when romanad is there again. */
  async undo(intent: IntentRecord, { endpoint, isOurs }: Allocated): Promise<void> {
    try {
      if (isOurs) await this.#release(endpoint);
      await this.#site.journal.forget(intent);
    } catch (error) {
      if (!(error instanceof RomanaError)) throw error;
      this.#abandoned.set(intent.id, intent);
    }
  }

  /** Ends a detach: releases the endpoint and forgets the attachment. @throws RomanaError `unavailable`, … */
  async finish(attachment: AttachmentRecord): Promise<void> {
    const { journal, attachments } = this.#site;
    const { endpoint, revision, isAllocatedHere } = attachment;
    if (isAllocatedHere) await this.#release({ ...endpoint, revision });
    await journal.remove(attachment);
    attachments.remove(endpointKey(endpoint));
  }

  /**
   * Releases an endpoint of this host that nobody attached, if the agent may have allocated it before it lost
   * its memory. False when there is no such endpoint.
   */
  async releaseForgotten(endpoint: Stored<Endpoint>): Promise<boolean> {
    if (endpoint.revision > (this.#site.journal.adoptable ?? -1)) return false;
    await this.#release(endpoint);
    return true;
  }

  /** Does what could not be done before. Call it when romanad is there, and when it has news of endpoints. */
  async settle(): Promise<void> {
    this.#isWanted = true;
    if (this.#isSettling) return;
    this.#isSettling = true;
    try {
      // What comes while it waits for romanad may have been passed already.
      while (this.#isWanted) {
        this.#isWanted = false;
        await this.#settleAll();
      }
    } finally {
      this.#isSettling = false;
    }
  }

  async #settleAll(): Promise<void> {
    const { attachments, locks, now, journal } = this.#site;
    for (const { endpoint } of attachments.releasing) {
      await locks.run(endpointLocks(endpoint), async () => {
        const attachment = attachments.get(endpointKey(endpoint));
        if (attachment?.isReleasing === true) await this.finish(attachment);
      });
    }
    for (const endpoint of this.#leftOver()) {
      await locks.run(endpointLocks(endpoint), async () => {
        if (this.#leftOver().some((other) => isSameEndpoint(other, endpoint))) await this.#release(endpoint);
      });
    }
    for (const intent of this.#abandoned.values()) {
      await locks.run(endpointLocks(intent), async () => {
        if (!this.#abandoned.has(intent.id)) return;
        const endpoint = this.#leftBehindBy(intent);
        if (endpoint !== undefined) await this.#release(endpoint);
        else if (now() - intent.startedAt < UNCERTAIN_FOR) return;
        this.#abandoned.delete(intent.id);
        await journal.forget(intent);
      });
    }
  }

  /** Endpoints that attaches of an earlier life have allocated and not attached. An attach under way has their locks. */
  #leftOver(): readonly Stored<Endpoint>[] {
    const { knowledge, attachments, now } = this.#site;
    if (this.#former === undefined || now() > this.#former.until) return [];
    const { intent } = this.#former;
    return [...(knowledge()?.endpoints.values() ?? [])].filter(
      (endpoint) =>
        isOwnToken(endpoint.requestToken) &&
        isSince(intent, endpoint) &&
        attachments.get(endpointKey(endpoint)) === undefined,
    );
  }

  #leftBehindBy(intent: IntentRecord): Stored<Endpoint> | undefined {
    const { knowledge, attachments } = this.#site;
    const endpoints = [...(knowledge()?.endpoints.values() ?? [])];
    return endpoints.find(
      (endpoint) =>
        isSameKey(intent, endpoint) &&
        isSince(intent, endpoint) &&
        attachments.get(endpointKey(endpoint)) === undefined,
    );
  }

  /** Releases this very endpoint; one that has got its address since is left alone. */
  async #release(endpoint: Stored<Endpoint>): Promise<void> {
    const { romanad, knowledge } = this.#site;
    const key = endpointKey(endpoint);
    const known = knowledge()?.endpoints.get(key);
    try {
      await romanad.release(key, isSameEndpoint(known, endpoint) ? known.revision : endpoint.revision);
    } catch (error) {
      if (hasCode(error, "not-found")) return;
      if (!hasCode(error, "revision-mismatch")) throw error;
      const current = await romanad.find(key);
      if (isSameEndpoint(current, endpoint)) await romanad.release(key, current.revision);
    }
  }
}

/** What nobody else may do anything with while an endpoint comes or goes. */
export function endpointLocks({ name, requestToken }: Pick<Endpoint, "name" | "requestToken">): string[] {
  return [
    ...(name === undefined ? [] : [`ref ${name}`]),
    ...(requestToken === undefined ? [] : [`ref ${requestToken}`]),
  ];
}

/** True when both are one allocation: an address that was released and allocated again is another endpoint. */
export function isSameEndpoint(
  a: Stored<Endpoint> | undefined,
  b: Pick<Endpoint, "createdAt" | "addresses">,
): a is Stored<Endpoint> {
  return a !== undefined && a.createdAt === b.createdAt && endpointKey(a) === endpointKey(b);
}

/** True for a token that nobody but this host's agent allocates with, and whose caller asks again or detaches. */
export function isOwnToken(token: string | undefined): boolean {
  return token?.startsWith(OWN_TOKENS) === true;
}

function isSameKey(
  intent: Pick<IntentRecord, "name" | "requestToken">,
  other: Pick<Endpoint, "name" | "requestToken">,
): boolean {
  return intent.requestToken === undefined
    ? intent.name === other.name
    : intent.requestToken === other.requestToken;
}

/** True when the endpoint was not there yet when the attach began. */
function isSince({ viewRevision }: IntentRecord, { revision }: Stored<Endpoint>): boolean {
  return revision > viewRevision;
}
