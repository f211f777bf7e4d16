import { constants } from "node:os";

/** Names that share a number: the one that the kernel's own sources use. */
const PREFERRED = ["EAGAIN", "EOPNOTSUPP"] as const;

const NAMES = new Map<number, string>([
  ...Object.entries(constants.errno).map(([name, number]): [number, string] => [number, name]),
  // Between kernel and netfilter's own tools only, so that Node does not know it.
  [85, "ERESTART"],
  ...PREFERRED.map((name): [number, string] => [constants.errno[name], name]),
]);

/** Name of a positive Linux error number, such as `EEXIST`; `errno 4095` when it has none. */
export function errnoName(errno: number): string {
  return NAMES.get(errno) ?? `errno ${errno}`;
}
