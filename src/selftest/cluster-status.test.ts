import { expect, test } from "vitest";
import type { HostStatus } from "../model/index.ts";
import { type ClusterFacts, judgeCluster, type ProgramPod } from "./cluster-status.ts";

const NOW = 1_800_000_000_000;

const REPORT: HostStatus = {
  observedRevision: 12,
  state: "ok",
  problems: [],
  routes: [],
  attachments: 3,
  version: "0.1.0",
  reportedAt: NOW - 5_000,
};

function pod(program: string, change: Partial<ProgramPod> = {}): ProgramPod {
  const image = "docker.io/library/romana:0.1.0";
  return { program, name: `${program}-x`, node: "node-1", isReady: true, image, restarts: 0, ...change };
}

const FACTS: ClusterFacts = {
  nodes: [{ name: "node-1", uid: "uid-1", isReady: true, isSchedulable: true, addresses: ["172.18.0.11"] }],
  hosts: new Map([["node-1", { name: "node-1", id: 7, externalId: "uid-1", report: REPORT }]]),
  programs: [pod("romanad"), pod("romana-kubernetes"), pod("romana-agent")],
  leader: { identity: "node-1_x", renewedAt: NOW - 1_000, duration: 10_000 },
  conditions: [],
  policies: [{ id: "crd.one", state: "active", missing: [] }],
  withoutCodes: [],
  exceptions: [],
  revision: 12,
  now: NOW,
};

function without(program: string): readonly ProgramPod[] {
  return FACTS.programs.filter((each) => each.program !== program);
}

function reported(change: Partial<HostStatus>): ClusterFacts["hosts"] {
  const report = { ...REPORT, ...change };
  return new Map([["node-1", { name: "node-1", id: 7, externalId: "uid-1", report }]]);
}

const CASES: [string, Partial<ClusterFacts>, string[]][] = [
  ["all is well", {}, []],
  [
    "a host without a report",
    { hosts: new Map([["node-1", { name: "node-1", id: 7, externalId: "uid-1" }]]) },
    ['the agent of node "node-1" has never reported'],
  ],
  [
    "a degraded agent",
    { hosts: reported({ state: "degraded", problems: ["policy x: no"] }) },
    ['the agent of node "node-1" is degraded: policy x: no'],
  ],
  [
    "a node without an agent",
    { programs: without("romana-agent") },
    ['there is no pod of romana-agent on node "node-1"'],
  ],
  [
    "an agent that has died after a good report",
    { programs: [...without("romana-agent"), pod("romana-agent", { isReady: false, restarts: 4 })] },
    ['pod romana-agent-x on node "node-1" is not ready after 4 restarts'],
  ],
  ["no romanad", { programs: without("romanad") }, ["there is no pod of romanad"]],
  ["nobody has ever led", { leader: undefined }, ["no controller leads"]],
  [
    "the lease was given back",
    { leader: { identity: "", renewedAt: NOW, duration: 1_000 } },
    ["no controller leads"],
  ],
  [
    "a leader that is as late as clocks may differ",
    { leader: { identity: "a", renewedAt: NOW - 70_000, duration: 10_000 } },
    [],
  ],
  [
    "a leader that is gone",
    { leader: { identity: "a", renewedAt: NOW - 71_000, duration: 10_000 } },
    ["controller a leads, but was heard of 71 s ago"],
  ],
  [
    "a leader whose clock is fast",
    { leader: { identity: "a", renewedAt: NOW + 3_600_000, duration: 1 } },
    [],
  ],
  [
    "a condition",
    {
      conditions: [
        { kind: "Chain", name: "shop/in", type: "Accepted", reason: "NotOurs", message: "no end" },
      ],
    },
    ['Chain "shop/in" is not Accepted: NotOurs, no end'],
  ],
  [
    "a damaged policy",
    { policies: [{ id: "p", state: "damaged", missing: [] }] },
    ['policy "p" cannot be read by this romanad; it is enforced as it was'],
  ],
  [
    "what is as it may be: pending policies, exceptions, classes without codes",
    {
      policies: [{ id: "p", state: "pending", missing: ["tenant a"] }],
      exceptions: ["shop/b"],
      withoutCodes: ["shop/c"],
    },
    [],
  ],
];

test.each(CASES)("judgeCluster() finds: %s", (_, change, reasons) => {
  const { ok, findings } = judgeCluster({ ...FACTS, ...change });
  expect(findings.map(({ reason }) => reason)).toEqual(reasons);
  expect(ok).toBe(reasons.length === 0);
});

const STATES: [string, Partial<ClusterFacts>, object][] = [
  [
    "ok",
    {},
    { host: 7, agent: "ok", attachments: 3, revision: 12, reportedAt: NOW - 5_000, version: "0.1.0" },
  ],
  ["degraded", { hosts: reported({ state: "degraded" }) }, { agent: "degraded" }],
  ["silent", { hosts: new Map([["node-1", { name: "node-1", id: 7 }]]) }, { host: 7, agent: "silent" }],
  ["missing, whatever was reported", { programs: [] }, { agent: "missing", version: "0.1.0" }],
  [
    "not ready, whatever was reported",
    { programs: [pod("romana-agent", { isReady: false })] },
    { agent: "not ready" },
  ],
  [
    "of another node",
    { programs: [pod("romana-agent", { node: "node-2" })], hosts: new Map() },
    { agent: "missing", problems: [] },
  ],
];

test.each(STATES)("judgeCluster() says of an agent: %s", (_, change, expected) => {
  expect(judgeCluster({ ...FACTS, ...change }).nodes).toMatchObject([
    { node: "node-1", ready: true, ...expected },
  ]);
});

test("judgeCluster() counts endpoints by whom they act as", () => {
  const exceptions = ["shop/b", "blog/a", "shop/b"];
  const { exceptions: counted } = judgeCluster({ ...FACTS, exceptions });
  expect(Object.entries(counted)).toEqual([
    ["blog/a", 1],
    ["shop/b", 2],
  ]);
});
