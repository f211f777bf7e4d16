import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { RomanaError } from "../model/index.ts";
import { decodeSnapshot, encodeSnapshot, type HostSnapshot } from "../schema/index.ts";

/** What was found in the file of the last view. */
export type LoadedView =
  | { readonly state: "absent" }
  | { readonly state: "loaded"; readonly view: HostSnapshot }
  | { readonly state: "damaged"; readonly reason: string; readonly movedTo: string };

/**
 * The last view on disk, so that a restarted agent works on while romanad is away. It is a copy of what romanad
 * knows: it may be old or lost without harm, but never half written.
 */
export class ViewFile {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Reads the view of this host. A damaged file is moved aside; the view of another host counts as absent. */
  load(host: string, suffix: string): LoadedView {
    let text: string;
    try {
      text = readFileSync(this.#path, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return { state: "absent" };
      throw unreadable(this.#path, error);
    }
    try {
      const view = decodeSnapshot(JSON.parse(text));
      return view.host === host ? { state: "loaded", view } : { state: "absent" };
    } catch (error) {
      if (!(error instanceof RomanaError || error instanceof SyntaxError)) throw error;
      const movedTo = `${this.#path}${suffix}`;
      renameSync(this.#path, movedTo);
      return { state: "damaged", reason: error.message, movedTo };
    }
  }

  /** Replaces the file as a whole. @throws RomanaError `unavailable` when the disk refuses; the old one stays. */
  save(view: HostSnapshot): void {
    const draft = `${this.#path}.new`;
    try {
      writeFileSync(draft, JSON.stringify(encodeSnapshot(view)), { mode: 0o600 });
      const file = openSync(draft, "r");
      fsyncSync(file);
      closeSync(file);
      renameSync(draft, this.#path);
    } catch (error) {
      throw unreadable(this.#path, error);
    }
  }
}

function unreadable(path: string, cause: unknown): RomanaError {
  const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
  return new RomanaError(`Cannot use state file "${path}": ${reason}`, { code: "unavailable" }, { cause });
}
