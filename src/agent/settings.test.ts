import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Flags, loadSettings } from "./settings.ts";

let directory: string;
let config: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "romana-settings-"));
  config = join(directory, "agent.yaml");
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

describe("loadSettings()", () => {
  const cases: [string, string, Flags, object][] = [
    ["takes the file", "host: a\nlogLevel: warn", {}, { host: "a", logLevel: "warn", table: "romana" }],
    ["lets flags win over the file", "host: a\nstateDir: /a", { state: "/b" }, { host: "a", stateDir: "/b" }],
    [
      "takes flags without a word in the file",
      "",
      { host: "b", server: "http://10.0.0.5:9600", socket: "/s" },
      { host: "b", server: "http://10.0.0.5:9600", socket: "/s" },
    ],
  ];
  test.each(cases)("%s", (_, text, flags, settings) => {
    writeFileSync(config, text);
    expect(loadSettings({ config, ...flags })).toMatchObject(settings);
  });

  const bad: [string, string, Flags, string][] = [
    ["a wrong key", "hots: a", {}, 'hots: unknown field, did you mean "host"?'],
    [
      "a wrong flag",
      "",
      { logLevel: "loud" },
      'logLevel: "loud" is not one of debug, info, warn, error, silent',
    ],
    [
      "another table of its own",
      "host: a\ntable: romana_services",
      {},
      "table: is another table of the agent's",
    ],
    ["a list", "- host", {}, "expected keys and values"],
  ];
  test.each(bad)("refuses %s and names the file", (_, text, flags, reason) => {
    writeFileSync(config, text);
    expect(() => loadSettings({ config, ...flags })).toThrow(
      `Cannot read configuration "${config}": ${reason}`,
    );
  });
  test("refuses a file that was named and is not there", () => {
    expect(() => loadSettings({ config: "/nowhere/agent.yaml" })).toThrow(
      'Cannot read configuration "/nowhere/agent.yaml": ENOENT',
    );
  });
});
