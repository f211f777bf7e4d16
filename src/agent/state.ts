import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { HostSnapshot } from "../schema/index.ts";
import { type Journal, openJournal } from "./journal.ts";
import { ViewFile } from "./view-file.ts";

/** What an earlier life left, and where this one leaves what a later one needs. */
export interface State {
  readonly journal: Journal;
  /** The last view of that host; absent when there is none. */
  readonly view?: HostSnapshot;
  readonly saveView: (view: HostSnapshot) => void;
  /** Why files could not be read, and where they were moved. */
  readonly lost: readonly { readonly reason: string; readonly movedTo: string }[];
}

/**
 * Opens the state directory; makes it when there is none. What cannot be read is moved aside.
 * @param host the view of another host counts as none
 * @param now of the names that damaged files get
 * @throws RomanaError `unavailable` when another agent uses the directory or the disk refuses.
 */
export async function openState(directory: string, host: string, now: Date): Promise<State> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const suffix = `.damaged-${now.toISOString().replaceAll(":", "")}`;
  const { journal, damage } = await openJournal(join(directory, "journal.db"), suffix);
  const file = new ViewFile(join(directory, "view.json"));
  const loaded = file.load(host, suffix);
  return {
    journal,
    ...(loaded.state === "loaded" && { view: loaded.view }),
    saveView: (view) => {
      file.save(view);
    },
    lost: [damage, loaded.state === "damaged" ? loaded : undefined].filter((item) => item !== undefined),
  };
}

/** What the agent's status says about a file that was lost. */
export function describeLoss({ movedTo }: State["lost"][number]): string {
  return `State was damaged and moved to ${movedTo}; it was made anew from romanad and the kernel`;
}
