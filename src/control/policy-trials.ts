import { hasCode, notFound, type Policy } from "../model/index.ts";
import type { Context } from "./context.ts";
import type { Mirror } from "./feed.ts";
import { PREFIX, policyKey, policyTrialKey } from "./keys.ts";
import type { Clock } from "./options.ts";
import type { PolicyTrial } from "./policy-control.ts";
import { encodePolicyRecord, policyJson } from "./policy-record.ts";
import { readPolicy } from "./policy-value.ts";
import { damaged } from "./refusals.ts";
import { commit, LOST, put, remove, unchanged, untilSettled } from "./settle.ts";
import { entriesBelow, findRecord } from "./stored.ts";

/** A trial as it is stored: what each of its policies was before. */
export interface TrialRecord {
  readonly id: string;
  /** In milliseconds since 1970 UTC. */
  readonly deadline: number;
  readonly before: readonly {
    readonly id: string /** Absent: it was not there. */;
    readonly policy?: Policy;
  }[];
}

/** Milliseconds before a roll-back that failed is tried again. */
const RETRY_AFTER = 1000;
/** Longest wait that timers can do at once, in milliseconds. */
const LONGEST_WAIT = 2 ** 31 - 1;

/** The value of a trial's key. */
export function encodeTrialRecord({ id, deadline, before }: TrialRecord): string {
  return JSON.stringify({
    id,
    deadline,
    before: before.map(({ id: policy, policy: was }) => ({
      id: policy,
      ...(was !== undefined && { policy: policyJson(was) }),
    })),
  });
}

/** Reads what {@link encodeTrialRecord} writes. @throws Error of any kind when it is damaged. */
export function decodeTrialRecord(text: string): TrialRecord {
  const { id, deadline, before } = JSON.parse(text) as {
    id: string;
    deadline: number;
    before: { id: string; policy?: unknown }[];
  };
  if (typeof id !== "string" || typeof deadline !== "number") throw new SyntaxError("this is no trial");
  return {
    id,
    deadline,
    before: before.map(({ id: policy, policy: was }) => ({
      id: policy,
      ...(was !== undefined && { policy: readPolicy(was) }),
    })),
  };
}

/** A trial by the value of its key, also when that cannot be read. */
function knownTrial(id: string, value: string): PolicyTrial {
  try {
    return trialOf(decodeTrialRecord(value));
  } catch {
    return { id, deadline: 0, policies: [], damaged: true };
  }
}

/** A trial as callers see it. */
export function trialOf({ id, deadline, before }: TrialRecord): PolicyTrial {
  return { id, deadline, policies: before.map((entry) => entry.id) };
}

/** The trials that are neither confirmed nor taken back: those that cannot be read, then the next to end first. */
export async function listTrials({ store }: Context): Promise<readonly PolicyTrial[]> {
  const trials: PolicyTrial[] = [];
  for await (const { key, value } of entriesBelow(store, PREFIX.policyTrial)) {
    trials.push(knownTrial(key.slice(PREFIX.policyTrial.length), value));
  }
  return trials.sort((a, b) => a.deadline - b.deadline);
}

/** Ends a trial, also one that cannot be read; its changes stay. @throws RomanaError `not-found`. */
export async function confirmTrial(context: Context, id: string): Promise<PolicyTrial> {
  const key = policyTrialKey(id);
  return await untilSettled(`confirm policy trial "${id}"`, async () => {
    const found = await context.store.get(key);
    if (found === undefined) throw notFound("policy trial", id);
    const done = await commit(context, [unchanged(key, found.modRevision)], [remove(key)]);
    return done === LOST ? LOST : knownTrial(id, found.value);
  });
}

/**
 * Takes the changes of a trial back: what it created goes, what it changed is as before. A policy that somebody has
 * changed since is left alone. Undefined when the trial has ended meanwhile.
 */
export async function rollBack(context: Context, id: string): Promise<PolicyTrial | undefined> {
  const key = policyTrialKey(id);
  return await untilSettled(`take policy trial "${id}" back`, async () => {
    const trial = await findRecord(context.store, "policy trial", id, key, decodeTrialRecord);
    if (trial === undefined) return undefined;
    const { before } = trial.record;
    const entries = await Promise.all(before.map((entry) => context.store.get(policyKey(entry.id))));
    // The trial and its changes were written at the same revision.
    const untouched = before.filter((_, index) => entries[index]?.modRevision === trial.revision);
    const done = await commit(
      context,
      [
        unchanged(key, trial.revision),
        ...untouched.map((entry) => unchanged(policyKey(entry.id), trial.revision)),
      ],
      [
        remove(key),
        ...untouched.map((entry) =>
          entry.policy === undefined
            ? remove(policyKey(entry.id))
            : put(policyKey(entry.id), encodePolicyRecord(entry.policy)),
        ),
      ],
    );
    return done === LOST ? LOST : trialOf(trial.record);
  });
}

/** What a {@link TrialKeeper} works with. */
export interface TrialKeeperOptions {
  readonly clock: Clock;
  readonly rollBack: (id: string) => Promise<void>;
  readonly onTrouble: (error: unknown) => void;
}

/**
 * Waits for the deadlines of trials. It follows the store, so that it also knows the trials of other romanads and
 * those of its own former life; who comes first takes a trial back.
 */
export class TrialKeeper implements Mirror {
  readonly #options: TrialKeeperOptions;
  /** By key: how to stop waiting. */
  readonly #waits = new Map<string, () => void>();

  constructor(options: TrialKeeperOptions) {
    this.#options = options;
  }

  apply(key: string, value: string | undefined): void {
    if (!key.startsWith(PREFIX.policyTrial)) return;
    this.#waits.get(key)?.();
    this.#waits.delete(key);
    if (value === undefined) return;
    try {
      this.#wait(key, decodeTrialRecord(value).deadline);
    } catch {
      this.#options.onTrouble(damaged("policy trial", key.slice(PREFIX.policyTrial.length)));
    }
  }

  clear(): void {
    for (const cancel of this.#waits.values()) cancel();
    this.#waits.clear();
  }

  #wait(key: string, deadline: number): void {
    const { clock } = this.#options;
    const left = Math.max(0, deadline - clock.now());
    const run = (): void => {
      if (left > LONGEST_WAIT) this.#wait(key, deadline);
      else void this.#end(key);
    };
    this.#waits.set(key, clock.after(Math.min(left, LONGEST_WAIT), run));
  }

  async #end(key: string): Promise<void> {
    const { clock, rollBack: takeBack, onTrouble } = this.#options;
    try {
      await takeBack(key.slice(PREFIX.policyTrial.length));
    } catch (error) {
      onTrouble(error);
      // A damaged trial stays damaged; anything else may pass.
      if (hasCode(error, "internal") || !this.#waits.has(key)) return;
      this.#waits.set(
        key,
        clock.after(RETRY_AFTER, () => void this.#end(key)),
      );
    }
  }
}
