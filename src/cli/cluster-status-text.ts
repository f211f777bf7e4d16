import type { ClusterStatus, NodeStatus } from "../selftest/index.ts";
import { type Column, count, renderFields, renderTable, type Screen, type Tone } from "./format.ts";

const TONES: Readonly<Record<NodeStatus["agent"], Tone>> = {
  ok: "good",
  degraded: "bad",
  silent: "bad",
  missing: "bad",
  "not ready": "bad",
};

/** How an installed cluster is, for people. @param now milliseconds since 1970 UTC */
export function renderClusterStatus(screen: Screen, status: ClusterStatus, now: number): string {
  const { nodes, findings, policies, leader, conditions, withoutCodes } = status;
  const pending = policies.pending.map(({ id, missing }) => `${id} (${missing.join(", ")})`);
  const exceptions = Object.entries(status.exceptions).map(([name, all]) => `${all} × ${name}`);
  const fields = renderFields(screen, [
    ["revision", status.revision],
    ["images", imagesOf(status) || "none"],
    ["leader", leader?.identity ? `${leader.identity}, ${ago(now, leader.renewedAt)}` : "nobody"],
    [
      "policies",
      `${policies.count}${pending.length === 0 ? "" : `; waiting for somebody: ${pending.join(", ")}`}`,
    ],
    ["not accepted", conditions.length === 0 ? "none" : conditions.map(nameOf).join(", ")],
    ["classes without codes", withoutCodes.join(", ") || "none"],
    ["exceptions", exceptions.join(", ") || "none"],
  ]);
  const found = findings.flatMap(({ reason, advice }) => [
    `  ${reason}`,
    `    ${screen.paint("faint", advice)}`,
  ]);
  const sentence =
    findings.length === 0
      ? screen.paint("good", "All is well.")
      : screen.paint("bad", `${count(findings.length, "thing")} to look at:`);
  return [renderTable(screen, columns(now), nodes, "No nodes"), "", fields, "", sentence, ...found].join(
    "\n",
  );
}

function columns(now: number): readonly Column<NodeStatus>[] {
  return [
    { title: "node", value: ({ node }) => node },
    {
      title: "ready",
      value: ({ ready }) => (ready ? "yes" : "no"),
      tone: ({ ready }) => (ready ? "good" : "bad"),
    },
    { title: "host ID", value: ({ host }) => host, align: "right" },
    { title: "agent", value: ({ agent }) => agent, tone: ({ agent }) => TONES[agent] },
    { title: "attachments", value: ({ attachments }) => attachments, align: "right" },
    { title: "revision", value: ({ revision }) => revision, align: "right" },
    { title: "reported", value: ({ reportedAt }) => reportedAt && ago(now, reportedAt) },
    { title: "version", value: ({ version }) => version },
    { title: "problems", value: ({ problems }) => problems.join("; "), wide: true },
  ];
}

/** Images by how many pods of each program run them: several of one program say that an upgrade is under way. */
function imagesOf({ programs }: ClusterStatus): string {
  const groups = Map.groupBy(programs, ({ program, image }) => `${program} ${image.split("/").at(-1) ?? ""}`);
  return [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, pods]) => `${pods.length} × ${name}`)
    .join(", ");
}

function nameOf({ kind, name, type, reason }: ClusterStatus["conditions"][number]): string {
  return `${kind} ${name} (${type}: ${reason})`;
}

const UNITS = [
  [86_400, "d"],
  [3_600, "h"],
  [60, "min"],
] as const;

/** How long ago something was; clocks of machines differ, so that the future is now. */
function ago(now: number, then: number): string {
  const seconds = Math.max(0, Math.floor((now - then) / 1000));
  const [size, unit] = UNITS.find(([least]) => seconds >= least) ?? [1, "s"];
  return `${Math.floor(seconds / size)} ${unit} ago`;
}
