import { expect, test } from "vitest";
import { type Path, type ProbeAnswer, pathFindings, targetOf } from "./paths.ts";

const TARGET = "10.0.0.1:80";
const OPEN: Path = { from: "client-1", to: ["server-1", "server-2"], target: TARGET, isOpen: true };
const CLOSED: Path = { ...OPEN, isOpen: false };

const CASES: [string, Path, Partial<ProbeAnswer> | undefined, string | undefined][] = [
  ["an answer", OPEN, { answer: "server-2" }, undefined],
  ["silence", OPEN, { error: "timeout" }, "no answer (timeout)"],
  ["the wrong one", OPEN, { answer: "server-3" }, "server-3 has answered"],
  ["no probe", OPEN, undefined, "it was not tried"],
  ["no probe of a closed path", CLOSED, undefined, "it was not tried"],
  ["silence of a closed path", CLOSED, { error: "timeout" }, undefined],
  ["an answer of a closed path", CLOSED, { answer: "server-1" }, "is open, but should be closed"],
  ["an answer of anybody on a closed path", CLOSED, { answer: "who" }, "is open, but should be closed"],
];

test.each(CASES)("pathFindings(): %s", (_, path, answer, fault) => {
  const answers = new Map([["client-1", answer === undefined ? [] : [{ target: TARGET, ...answer }]]]);
  const reasons = pathFindings([path], answers, "look").map(({ reason }) => reason);
  const reason = `1 of 1 paths: client-1 → server-1 or server-2 (${TARGET}): ${fault}`;
  expect(reasons).toEqual(fault === undefined ? [] : [reason]);
});

test("pathFindings() shows five paths and counts the others", () => {
  const paths = Array.from({ length: 7 }, (_, index) => ({ ...OPEN, target: `10.0.0.${index}:80` }));
  const [finding, ...others] = pathFindings(paths, new Map(), "look");
  expect(finding?.reason).toMatch(/^7 of 7 paths: (client-1 → [^;]+; ){5}and 2 more$/);
  expect(others).toEqual([]);
});

test.each([
  ["10.0.0.1", 80, "10.0.0.1:80"],
  ["fd00::1", 8080, "[fd00::1]:8080"],
])("targetOf(%j, %j)", (address, port, text) => {
  expect(targetOf(address, port)).toBe(text);
});
