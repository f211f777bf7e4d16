import type { SegmentBackends } from "../model/index.ts";
import { decodeBackendsRecord } from "./backends-record.ts";
import type { Context } from "./context.ts";
import { PREFIX } from "./keys.ts";
import type { Backends } from "./service-control.ts";
import { listObjects } from "./stored.ts";

/** The use cases of backends. */
export function createBackends({ store }: Context, summary: Backends["summary"]): Backends {
  return {
    list: (page = {}) =>
      listObjects(store, PREFIX.backends, [PREFIX.backends], page, ({ value }) => readable(value)),
    summary,
  };
}

function readable(value: string): SegmentBackends | undefined {
  try {
    return decodeBackendsRecord(value);
  } catch {
    return undefined;
  }
}
