import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Flags, loadSettings } from "./settings.ts";

let directory: string;
let config: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "romana-settings-"));
  config = join(directory, "romanad.yaml");
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

describe("loadSettings()", () => {
  const cases: [string, string, Flags, object][] = [
    ["takes the file", "data: /a\nlogLevel: warn", {}, { data: "/a", logLevel: "warn", coolDown: 60 }],
    [
      "lets flags win over the file",
      "data: /a\nlogLevel: warn",
      { data: "/b" },
      { data: "/b", logLevel: "warn" },
    ],
    [
      "takes flags without a word in the file",
      "",
      { listen: "127.0.0.1:1", socket: "/s", logLevel: "debug" },
      { listen: { host: "127.0.0.1", port: 1 }, socket: "/s", logLevel: "debug" },
    ],
  ];
  test.each(cases)("%s", (_, text, flags, settings) => {
    writeFileSync(config, text);
    expect(loadSettings({ config, ...flags })).toMatchObject(settings);
  });

  const bad: [string, string, Flags, string][] = [
    ["a wrong key", "sockt: /x", {}, 'sockt: unknown field, did you mean "socket"?'],
    [
      "a wrong flag",
      "",
      { logLevel: "loud" },
      'logLevel: "loud" is not one of debug, info, warn, error, silent',
    ],
    ["text", "hello", {}, "expected keys and values"],
    [
      "nowhere to listen",
      "socket: null",
      {},
      "listen: there is neither a socket nor an address to listen on",
    ],
  ];
  test.each(bad)("refuses %s and names the file", (_, text, flags, reason) => {
    writeFileSync(config, text);
    expect(() => loadSettings({ config, ...flags })).toThrow(
      `Cannot read configuration "${config}": ${reason}`,
    );
  });
});
