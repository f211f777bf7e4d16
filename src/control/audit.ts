import type { Entry } from "../store/index.ts";
import { chainProblems } from "./audit-chains.ts";
import { claimProblems, restedClaims, usageProblems } from "./audit-claims.ts";
import { duplicateProblems, indexProblems, suspectProblem } from "./audit-endpoints.ts";
import { nounProblems } from "./audit-nouns.ts";
import { policyProblems } from "./audit-policies.ts";
import { relocationProblems } from "./audit-relocations.ts";
import { AuditScan } from "./audit-scan.ts";
import { serviceProblems } from "./audit-services.ts";
import { workloadProblems } from "./audit-workloads.ts";
import type { Context } from "./context.ts";
import { type CheckReport, type Finding, type FindingKind, MAX_FINDINGS } from "./findings.ts";
import { PREFIX } from "./keys.ts";
import type { Problem } from "./problem.ts";
import { isRestOver } from "./rest.ts";
import { commit, LOST, remove, unchanged } from "./settle.ts";
import { entriesBelow } from "./stored.ts";

/** Kinds that mean that two things may have the same bits, so that addresses must be compared one by one. */
const SHARED_BITS: ReadonlySet<FindingKind> = new Set([
  "wrong-claim",
  "overlapping-codes",
  "overlapping-networks",
]);
/** Rests that are deleted in one transaction. */
const MAX_BATCH = 100;
/** Kinds that do not make a store unclean. */
const HARMLESS: ReadonlySet<FindingKind> = new Set(["expired-cooling"]);

/**
 * Proves that every endpoint is where its key says, that no two share an address, and that all keys that point to each
 * other agree; or says what is wrong. Endpoints cannot collide when their keys are unique, their addresses are what
 * their IDs make, and no two hosts, tenants, codes or networks share their bits: that is what is checked.
 */
export async function checkStore(
  context: Context,
  { repair = false, signal }: { readonly repair?: boolean; readonly signal?: AbortSignal },
): Promise<CheckReport> {
  const recording = context.feed.record();
  const scan = new AuditScan(context.store, context.now(), signal);
  try {
    await scan.run(recording);
  } finally {
    recording.stop();
  }
  const { world, nouns } = scan;
  const problems = [...nounProblems(context, world, nouns), ...claimProblems(context, world, nouns)];
  problems.push(...serviceProblems(world), ...chainProblems(world));
  problems.push(...policyProblems(context, nouns, scan.acting));
  problems.push(...relocationProblems(context, nouns, scan.located));
  problems.push(...workloadProblems(context, world, nouns, scan.born));
  for (const suspect of scan.suspects) {
    const problem = await suspectProblem(context, world, suspect);
    if (problem !== undefined) problems.push(problem);
  }
  problems.push(...(await indexProblems(context, PREFIX.endpointName, scan.names, ({ name }) => name)));
  problems.push(
    ...(await indexProblems(context, PREFIX.endpointToken, scan.tokens, ({ requestToken }) => requestToken)),
  );
  problems.push(...usageProblems(context, world, nouns, scan.counts));
  if (problems.some(({ kind }) => SHARED_BITS.has(kind)))
    problems.push(...(await duplicateProblems(context)));
  const rested = restedClaims(nouns, context.now());
  if (scan.expiredRests + rested.length > 0) problems.push(restProblem(context, scan.expiredRests, rested));
  return await report(scan, problems, repair);
}

async function report(scan: AuditScan, problems: readonly Problem[], repair: boolean): Promise<CheckReport> {
  const counts = new Map<FindingKind, number>();
  const findings: Finding[] = [];
  let left = scan.overflow;
  for (const { kind, key, message, repair: mend } of problems) {
    const repaired = repair ? await mend?.() : undefined;
    const count = (counts.get(kind) ?? 0) + 1;
    counts.set(kind, count);
    if (repaired === undefined && !HARMLESS.has(kind)) left++;
    if (count <= MAX_FINDINGS)
      findings.push({ kind, key, message, ...(repaired !== undefined && { repaired }) });
  }
  const { revision, endpoints, keys } = scan;
  return { clean: left === 0, revision, endpoints, keys, counts, findings };
}

/** Rests that are over are no fault: they go when their ID is used again. A repair clears them away. */
function restProblem(context: Context, ids: number, claims: readonly string[]): Problem {
  const message = `${ids + claims.length} IDs have rested and were not used again since`;
  const repair = async (): Promise<string> => {
    const now = context.now();
    let deleted = 0;
    let batch: Entry[] = [];
    const flush = async (): Promise<void> => {
      const compares = batch.map(({ key, modRevision }) => unchanged(key, modRevision));
      const done = await commit(
        context,
        compares,
        batch.map(({ key }) => remove(key)),
      );
      if (done !== LOST) deleted += batch.length;
      batch = [];
    };
    for await (const entry of entriesBelow(context.store, PREFIX.cooling)) {
      if (Number(entry.value) > now) continue;
      batch.push(entry);
      if (batch.length === MAX_BATCH) await flush();
    }
    for (const key of claims) {
      const entry = await context.store.get(key);
      if (entry !== undefined && isRestOver(entry.value, now)) batch.push(entry);
      if (batch.length === MAX_BATCH) await flush();
    }
    if (batch.length > 0) await flush();
    return `${deleted} rests were deleted`;
  };
  return { kind: "expired-cooling", key: PREFIX.cooling, message, repair };
}
