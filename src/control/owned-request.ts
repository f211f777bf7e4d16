import { invalidInput } from "../model/index.ts";
import type { Context } from "./context.ts";
import type { AllocationRequest } from "./control.ts";
import { exceptionOf } from "./exceptions.ts";
import { exceptionKey, PREFIX, type Spot, segmentKey, workloadKey } from "./keys.ts";
import { livingSegment } from "./living.ts";
import { encodeExceptionRecord } from "./policy-record.ts";
import { NO_SHARE, type Share } from "./quota.ts";
import { decodeWorkloadRecord } from "./records.ts";
import { put, unchanged } from "./settle.ts";
import { readRecord } from "./stored.ts";
import { joinWorkload, readWorkloadEndpoints } from "./workload-endpoints.ts";

/** A request that says whose the endpoint shall be. */
export interface OwnedRequest extends AllocationRequest {
  readonly tenant: NonNullable<AllocationRequest["tenant"]>;
  readonly segment: NonNullable<AllocationRequest["segment"]>;
}

/** What an endpoint is born as. */
export interface Birth {
  /** What was asked for. */
  readonly asked: AllocationRequest;
  /** The same with what the workload says in place. */
  readonly request: OwnedRequest;
  /** Fields of the endpoint that only a workload can say. */
  readonly fields: { readonly workload?: string; readonly actsAs?: string };
  /** What the transaction compares and writes for the workload, when the endpoint is born at a spot. */
  readonly share: (spot: Spot, spotText: string) => Share;
}

/**
 * What the endpoint of a request is born as. The workload is read now; the transaction compares its revision.
 * @throws RomanaError `not-found` (workload, or the segment that it acts as), `invalid-input` when the request names
 *   neither a workload nor tenant and segment.
 */
export function bornAs(context: Context, asked: AllocationRequest): Birth | Promise<Birth> {
  const { workload, tenant, segment } = asked;
  if (workload !== undefined) return bornFor(context, asked, workload);
  if (tenant !== undefined && segment !== undefined) {
    return { asked, request: { ...asked, tenant, segment }, fields: {}, share: () => NO_SHARE };
  }
  const reason = "is missing; name it, or a workload";
  throw invalidInput("allocate endpoint", [{ path: tenant === undefined ? "tenant" : "segment", reason }]);
}

async function bornFor(context: Context, asked: AllocationRequest, id: string): Promise<Birth> {
  const { store } = context;
  const key = workloadKey(id);
  const [{ record: workload, revision }, endpoints] = await Promise.all([
    readRecord(store, "workload", id, key, decodeWorkloadRecord),
    readWorkloadEndpoints(context, id),
  ]);
  const { tenant, segment, actsAs } = workload;
  const name = asked.name ?? (await freeName(context, workload.name));
  const acting =
    actsAs === undefined ? undefined : await livingSegment(context, "let an endpoint act as", tenant, actsAs);
  return {
    asked,
    request: { ...asked, tenant, segment, ...(name !== undefined && { name }) },
    fields: { workload: id, ...(actsAs !== undefined && { actsAs }) },
    share(spot, spotText) {
      const joined = joinWorkload(id, endpoints, spotText);
      if (actsAs === undefined || acting === undefined) {
        return { compares: [unchanged(key, revision), ...joined.compares], writes: joined.writes };
      }
      return {
        compares: [
          unchanged(key, revision),
          unchanged(segmentKey(tenant, actsAs), acting.revision),
          ...joined.compares,
        ],
        writes: [
          ...joined.writes,
          put(exceptionKey(spotText), encodeExceptionRecord(exceptionOf(context, spot, actsAs))),
        ],
      };
    },
  };
}

async function freeName({ store }: Context, name: string | undefined): Promise<string | undefined> {
  if (name === undefined) return undefined;
  return (await store.get(PREFIX.endpointName + name)) === undefined ? name : undefined;
}
