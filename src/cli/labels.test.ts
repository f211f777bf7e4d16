import { describe, expect, test } from "vitest";
import { labelsOf, portsOf, portsText } from "./labels.ts";
import { NOUNS } from "./nouns.ts";
import { parseCommandLine } from "./program.ts";

async function inputOf(words: string) {
  const invocation = await parseCommandLine(NOUNS, words.split(" "));
  if (invocation.type !== "run") throw new Error("not a command");
  return invocation.input;
}

describe("labelsOf()", () => {
  test.each<[string, Record<string, string> | undefined]>([
    ["", undefined],
    [" --label app=web", { app: "web" }],
    [" --label app.kubernetes.io/name=a=b --label x=", { "app.kubernetes.io/name": "a=b", x: "" }],
    [" --no-labels", {}],
    [" --no-labels --label a=b", { a: "b" }],
  ])("of %j", async (words, labels) => {
    expect(labelsOf(await inputOf(`segment update shop/web${words}`), true)).toEqual(labels);
  });
  test.each([
    [" --label app", '--label: "app" is not KEY=VALUE'],
    [" --label =web", '--label: "=web" is not KEY=VALUE'],
    [" --label a=1 --label a=2", '--label: "a" is there twice'],
  ])("refuses %j", async (words, reason) => {
    const input = await inputOf(`segment update shop/web${words}`);
    expect(() => labelsOf(input, true)).toThrow(reason);
  });
});

describe("portsOf()", () => {
  test("reads names, protocols and numbers, as portsText() prints them", async () => {
    const ports = portsOf(await inputOf("segment create shop/web --port http=tcp/80 --port dns=17/53"));
    expect(ports).toEqual([
      { name: "http", protocol: 6, port: 80 },
      { name: "dns", protocol: 17, port: 53 },
    ]);
    expect(portsText(ports ?? [])).toBe("http=tcp/80, dns=udp/53");
    expect(portsOf(await inputOf("segment create shop/web"))).toBeUndefined();
  });
  test.each(["http", "http=80", "http=tpc/80", "http=tcp/x"])("refuses %s", async (text) => {
    const input = await inputOf(`segment create shop/web --port ${text}`);
    expect(() => portsOf(input)).toThrow(`--port: "${text}" is not NAME=PROTOCOL/NUMBER`);
  });
});
