import type { PolicyChanges } from "../schema/index.ts";
import { encodePolicy } from "../schema/index.ts";
import type { Result } from "./command.ts";
import type { Screen, Tone } from "./format.ts";
import { differingLines, policyLines } from "./policy-words.ts";

const TONES: Readonly<Record<PolicyChanges["changes"][number]["action"], Tone>> = {
  created: "good",
  changed: "good",
  unchanged: "faint",
};

/** The result of `policy apply`: what became of each policy, and how to keep what is on trial. */
export function applicationResult({ dryRun, changes, trial }: PolicyChanges): Result {
  return {
    data: {
      dryRun,
      changes: changes.map(({ id, action, before, after }) => ({
        id,
        action,
        ...(before !== undefined && { before: encodePolicy(before) }),
        after: encodePolicy(after),
      })),
      ...(trial !== undefined && { trial }),
    },
    text: (screen) => {
      const lines = changes.flatMap((change) => changeLines(screen, dryRun, change));
      if (trial === undefined) return lines.join("\n");
      const until = new Date(trial.deadline).toISOString();
      return [
        ...lines,
        "",
        `On trial until ${until}; keep it with: ${screen.paint("strong", `romana policy confirm ${trial.id}`)}`,
      ].join("\n");
    },
  };
}

function changeLines(
  screen: Screen,
  dryRun: boolean,
  { id, action, before, after }: PolicyChanges["changes"][number],
): string[] {
  const would = dryRun && action !== "unchanged" ? "would be " : "";
  const title = `policy "${id}" ${screen.paint(TONES[action], `${would}${action}`)}`;
  if (action === "unchanged") return [title];
  const lines = differingLines(before === undefined ? [] : policyLines(before), policyLines(after));
  if (lines.length === 0) lines.push("~ only the order of what it lists");
  return [title, ...lines.map((line) => `  ${screen.paint(line.startsWith("-") ? "bad" : "good", line)}`)];
}
