import type { Host, HostSelector } from "../model/index.ts";
import { matchesLabels } from "./selector.ts";

/** True when the host is one of those; without a selector all are. */
export function selectsHost(
  selector: HostSelector | undefined,
  host: Pick<Host, "name" | "labels">,
): boolean {
  if (selector === undefined) return true;
  if (selector.by === "names") return selector.names.includes(host.name);
  return matchesLabels(selector.requirements, host.labels);
}
