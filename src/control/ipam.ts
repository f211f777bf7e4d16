import { checkStore } from "./audit.ts";
import type { Context } from "./context.ts";
import type { Ipam } from "./control.ts";
import { countUsage } from "./usage-count.ts";

/** How full the address space is, and whether all of it is accounted for. */
export function createIpam(context: Context): Ipam {
  return {
    usage: ({ host } = {}) => countUsage(context, host),
    check: (options = {}) => context.inTurn("check", () => checkStore(context, options)),
  };
}
