import { describe, expect, test } from "vitest";
import { parseDuration } from "./duration.ts";

describe("parseDuration()", () => {
  test.each([
    ["90", 90],
    ["60s", 60],
    ["5m", 300],
    ["1h", 3600],
  ])("%s is %i seconds", (text, seconds) => {
    expect(parseDuration("--confirm-within", text)).toBe(seconds);
  });
  test.each(["", "0", "0s", "1d", "-1", "1.5m", "60 s", "s"])("%j is refused", (text) => {
    expect(() => parseDuration("--confirm-within", text)).toThrow(
      `Cannot read the command line: --confirm-within: "${text}" is not a duration such as 60s, 5m or 1h`,
    );
  });
});
