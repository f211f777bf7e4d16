import type { Endpoint, Tap } from "../model/index.ts";

/** What a hypervisor has to do with an endpoint. */
export type Plug = Pick<Endpoint, "instance" | "tap">;

/** What becomes of a plug: null takes away, what is absent stays. */
export interface PlugPatch {
  readonly instance?: string | null;
  readonly tap?: Tap | null;
}

/** The plug of something, after a patch. */
export function plugOf(before: Plug, patch: PlugPatch = {}): Plug {
  const instance = patch.instance === undefined ? before.instance : (patch.instance ?? undefined);
  const tap = patch.tap === undefined ? before.tap : (patch.tap ?? undefined);
  return { ...(instance !== undefined && { instance }), ...(tap !== undefined && { tap }) };
}

/** True when both say the same. */
export function isSamePlug(a: Plug, b: Plug): boolean {
  return a.instance === b.instance && a.tap?.device === b.tap?.device && a.tap?.mac === b.tap?.mac;
}
