import { expect, test } from "vitest";
import { type ClusterNode, type KnownHost, nodeFindings } from "./node-findings.ts";

const NODE: ClusterNode = {
  name: "node-1",
  uid: "uid-1",
  isReady: true,
  addresses: ["172.18.0.11"],
  isSchedulable: true,
};
const HOST: KnownHost = { name: "node-1", externalId: "uid-1", report: { state: "ok", problems: [] } };

const CASES: [string, Partial<ClusterNode>, KnownHost | undefined, string[]][] = [
  ["all is well", {}, HOST, []],
  ["cordoned nodes are fine", { isSchedulable: false }, HOST, []],
  ["no host", {}, undefined, ['romanad knows no host "node-1"']],
  [
    "another node's host",
    {},
    { ...HOST, externalId: "uid-0" },
    ['host "node-1" of romanad is not this node but uid-0'],
  ],
  [
    "somebody's own host",
    {},
    { name: "node-1", report: HOST.report },
    ['host "node-1" of romanad is not this node but nobody\'s'],
  ],
  [
    "no report",
    {},
    { name: "node-1", externalId: "uid-1" },
    ['the agent of node "node-1" has never reported'],
  ],
  [
    "a degraded agent",
    {},
    { ...HOST, report: { state: "degraded", problems: ["no nft", "no route"] } },
    ['the agent of node "node-1" is degraded: no nft; no route'],
  ],
  [
    "a degraded agent without problems",
    {},
    { ...HOST, report: { state: "starting", problems: [] } },
    ['the agent of node "node-1" is starting: it does not say why'],
  ],
  ["a node that is not ready", { isReady: false }, HOST, ['node "node-1" is not ready']],
];

test.each(CASES)("nodeFindings(): %s", (_, change, host, reasons) => {
  const hosts = new Map(host === undefined ? [] : [[host.name, host]]);
  const findings = nodeFindings([{ ...NODE, ...change }], hosts);
  expect(findings.map(({ reason }) => reason)).toEqual(reasons);
});
