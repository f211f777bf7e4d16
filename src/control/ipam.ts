import type { Context } from "./context.ts";
import type { Ipam } from "./control.ts";

/** How full the address space is, and whether all of it is accounted for. */
export function createIpam(_context: Context): Ipam {
  return {} as Ipam;
}
