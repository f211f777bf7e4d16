import { isDeepStrictEqual } from "node:util";
import { hasCode } from "../model/index.ts";
import type { KubernetesCondition } from "../schema/index.ts";
import type { ApiServer } from "./api-server.ts";
import type { Subject } from "./event-recorder.ts";
import { ROMANA_API } from "./resources.ts";

/** A condition as it shall be. */
export interface WantedCondition {
  readonly type: string;
  readonly status: "True" | "False";
  /** One word. */
  readonly reason: string;
  readonly message: string;
}

/** What a status says besides conditions: as the object has it, and as it shall be. */
export interface StatusFields {
  readonly known: Readonly<Record<string, unknown>> | undefined;
  readonly wanted: Readonly<Record<string, unknown>>;
}

/** Longest message of a condition (meta/v1 Condition). */
const MAX_MESSAGE = 32_768;

/**
 * Makes the conditions of an object's status as wanted, and its fields if some are given, when they are not; what others have
 * written stays as it is (server-side apply). An object that is gone needs none.
 * @throws RomanaError as the API server says.
 */
export async function writeConditions(
  { api, now }: { readonly api: Pick<ApiServer, "call">; readonly now: () => number },
  subject: Subject & { readonly path: string },
  known: readonly KubernetesCondition[],
  wanted: readonly WantedCondition[],
  fields: StatusFields = { known: {}, wanted: {} },
): Promise<void> {
  const { generation, namespace, name, uid } = subject.meta;
  const observed = generation === undefined ? {} : { observedGeneration: generation };
  const conditions = wanted.map(({ type, status, reason, message }) => {
    const before = known.find((condition) => condition.type === type);
    const isSameStatus = before?.status === status && before.lastTransitionTime !== undefined;
    return {
      type,
      status,
      reason,
      message: message.slice(0, MAX_MESSAGE),
      ...observed,
      lastTransitionTime: isSameStatus ? before.lastTransitionTime : timeText(now()),
    };
  });
  const areConditionsThere = conditions.every((condition) =>
    known.some(
      (before) =>
        before.type === condition.type &&
        before.status === condition.status &&
        before.reason === condition.reason &&
        before.message === condition.message &&
        before.observedGeneration === generation,
    ),
  );
  if (areConditionsThere && isDeepStrictEqual(fields.known ?? {}, fields.wanted)) return;
  const isOurs = subject.apiVersion === ROMANA_API;
  const body = {
    apiVersion: subject.apiVersion,
    kind: subject.kind,
    metadata: { name, ...(namespace !== undefined && { namespace }), uid },
    status: { ...(isOurs && observed), ...fields.wanted, conditions },
  };
  try {
    await api.call({
      method: "PATCH",
      path: `${pathOf(subject)}/status`,
      query: { fieldManager: "romana-kubernetes", force: "true" },
      contentType: "application/apply-patch+yaml",
      body,
    });
  } catch (error) {
    if (!hasCode(error, "not-found") && !hasCode(error, "conflict")) throw error;
  }
}

/** Path of an object; that of its listing is over all namespaces. */
function pathOf({ path, meta: { namespace, name } }: Subject & { readonly path: string }): string {
  if (namespace === undefined) return `${path}/${name}`;
  const slash = path.lastIndexOf("/");
  return `${path.slice(0, slash)}/namespaces/${namespace}${path.slice(slash)}/${name}`;
}

function timeText(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/\.\d+Z$/, "Z");
}
