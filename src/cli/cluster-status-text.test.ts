import { expect, test } from "vitest";
import type { ClusterStatus, NodeStatus } from "../selftest/index.ts";
import { renderClusterStatus } from "./cluster-status-text.ts";
import type { Screen } from "./format.ts";

const SCREEN: Screen = { wide: false, columns: 80, unicode: false, paint: (_, text) => text };
const NOW = 1_800_000_000_000;

const NODE: NodeStatus = {
  node: "node-1",
  ready: true,
  host: 1,
  agent: "ok",
  attachments: 12,
  revision: 345,
  reportedAt: NOW - 130_000,
  version: "0.1.0",
  problems: [],
};

const WELL: ClusterStatus = {
  ok: true,
  revision: 345,
  nodes: [NODE],
  programs: [],
  leader: { identity: "node-1_x", renewedAt: NOW - 2_000 },
  policies: { count: 2, pending: [], damaged: [] },
  conditions: [],
  withoutCodes: [],
  exceptions: {},
  findings: [],
};

function program(name: string, tag: string): ClusterStatus["programs"][number] {
  const image = `docker.io/library/romana:${tag}`;
  return { program: name, name: `${name}-x`, node: "node-1", isReady: true, image, restarts: 0 };
}

test("renderClusterStatus() of a cluster that is well", () => {
  const programs = ["romanad", "romana-agent"].map((name) => program(name, "0.1.0"));
  expect(renderClusterStatus(SCREEN, { ...WELL, programs }, NOW)).toBe(
    [
      "NODE    READY  HOST ID  AGENT  ATTACHMENTS  REVISION  REPORTED   VERSION",
      "node-1  yes          1  ok              12       345  2 min ago  0.1.0",
      "",
      "revision               345",
      "images                 1 × romana-agent romana:0.1.0, 1 × romanad romana:0.1.0",
      "leader                 node-1_x, 2 s ago",
      "policies               2",
      "not accepted           none",
      "classes without codes  none",
      "exceptions             none",
      "",
      "All is well.",
    ].join("\n"),
  );
});

test("renderClusterStatus() of one with things to look at", () => {
  const { leader: _, ...nobody } = WELL;
  const status: ClusterStatus = {
    ...nobody,
    ok: false,
    nodes: [NODE, { node: "node-2", ready: false, agent: "missing", problems: [] }],
    programs: [program("romana-agent", "0.1.0"), program("romana-agent", "0.2.0")],
    policies: { count: 2, pending: [{ id: "p", missing: ["tenant a", "tenant b"] }], damaged: [] },
    conditions: [{ kind: "Chain", name: "shop/in", type: "Accepted", reason: "NotOurs", message: "no end" }],
    withoutCodes: ["shop/c", "shop/d"],
    exceptions: { "shop/c": 4 },
    findings: [{ reason: "no controller leads", advice: "see the logs" }],
  };
  expect(renderClusterStatus(SCREEN, status, NOW)).toBe(
    [
      "NODE    READY  HOST ID  AGENT    ATTACHMENTS  REVISION  REPORTED   VERSION",
      "node-1  yes          1  ok                12       345  2 min ago  0.1.0",
      "node-2  no           -  missing            -         -  -          -",
      "",
      "revision               345",
      "images                 1 × romana-agent romana:0.1.0, 1 × romana-agent romana:0.2.0",
      "leader                 nobody",
      "policies               2; waiting for somebody: p (tenant a, tenant b)",
      "not accepted           Chain shop/in (Accepted: NotOurs)",
      "classes without codes  shop/c, shop/d",
      "exceptions             4 × shop/c",
      "",
      "1 thing to look at:",
      "  no controller leads",
      "    see the logs",
    ].join("\n"),
  );
});

test.each([
  [NOW + 5_000, "0 s ago"],
  [NOW - 59_999, "59 s ago"],
  [NOW - 60_000, "1 min ago"],
  [NOW - 3_600_000, "1 h ago"],
  [NOW - 200_000_000, "2 d ago"],
])("renderClusterStatus() says how long ago %i was", (renewedAt, expected) => {
  const text = renderClusterStatus(SCREEN, { ...WELL, leader: { identity: "a", renewedAt } }, NOW);
  expect(text).toContain(`a, ${expected}`);
});
