import { invalidInput, notFound } from "../model/index.ts";
import { listLabs } from "./state.ts";

/**
 * The lab that is meant: the named one, or the only one that is there.
 * @throws RomanaError `not-found` when there is no such lab, or none; `invalid-input` when it is not clear which.
 */
export function selectLab(name: string | undefined): string {
  const labs = listLabs();
  if (name !== undefined) {
    if (!labs.includes(name)) throw notFound("lab", name);
    return name;
  }
  const [only, ...others] = labs;
  if (only === undefined) throw invalidInput("choose lab", [{ path: "", reason: "no lab is up" }]);
  if (others.length === 0) return only;
  const reason = `several labs are up (${labs.join(", ")}): name one`;
  throw invalidInput("choose lab", [{ path: "", reason }]);
}
