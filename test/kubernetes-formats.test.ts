import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { runCommandSync } from "../src/system/command.ts";
import { encodeImage } from "./support/kubernetes/images.ts";
import {
  decodeMessage,
  encodeMap,
  encodeMessage,
  type Message,
  mapOf,
  messageOf,
  messagesOf,
  numberOf,
  textOf,
} from "./support/kubernetes/protobuf.ts";
import { encodeTar } from "./support/kubernetes/tar.ts";

describe("encodeMessage()", () => {
  test.each<[string, Message, string]>([
    // The examples of the encoding's own documentation.
    ["a number of two bytes", { 1: 150 }, "089601"],
    ["text", { 2: "testing" }, "120774657374696e67"],
    ["a message inside", { 3: { 1: 150 } }, "1a03089601"],
    ["a repeated field", { 4: "hello", 6: [1, 2, 3] }, "220568656c6c6f300130023003"],
    ["a field number of two bytes", { 16: true }, "800101"],
    ["nothing", { 1: undefined, 2: [] }, ""],
    ["a map", { 1: encodeMap({ a: "b" }) }, "0a060a0161120162"],
  ])("encodes %s", (_what, message, hex) => {
    expect(encodeMessage(message).toString("hex")).toBe(hex);
  });

  test("is undone by decodeMessage()", () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.string(),
        fc.array(fc.string()),
        fc.dictionary(fc.string(), fc.string()),
        (...all) => {
          const [number, text, list, map] = all;
          const message = { 1: number, 2: text, 3: list.map((one) => ({ 1: one })), 20: encodeMap(map) };
          const fields = decodeMessage(encodeMessage({ 5: message }));
          const inside = messageOf(fields, 5);
          expect(numberOf(inside, 1)).toBe(number);
          expect(textOf(inside, 2)).toBe(text);
          expect(messagesOf(inside, 3).map((one) => textOf(one, 1))).toEqual(list);
          expect(mapOf(inside, 20)).toEqual(new Map(Object.entries(map)));
        },
      ),
    );
  });
});

describe("decodeMessage()", () => {
  test.each([
    ["a number that is cut short", "0896", "cut short"],
    ["a wire type that no message here has", "0d00000000", "unknown wire type 5"],
  ])("refuses %s", (_what, hex, reason) => {
    expect(() => decodeMessage(Buffer.from(hex, "hex"))).toThrow(reason);
  });

  test("has nothing for fields that are not there", () => {
    const fields = decodeMessage(Buffer.alloc(0));
    expect([
      numberOf(fields, 1),
      textOf(fields, 1),
      messagesOf(fields, 1),
      messageOf(fields, 1).size,
    ]).toEqual([0, "", [], 0]);
  });
});

describe("encodeTar()", () => {
  test("is read by tar", () => {
    const archive = encodeTar([
      { path: "bin" },
      { path: "bin/busybox", content: Buffer.from("x".repeat(600)) },
      { path: "bin/sh", content: { link: "busybox" } },
      { path: "etc/passwd", content: Buffer.from("root"), mode: 0o644 },
    ]);
    expect(archive.length % 512).toBe(0);
    const script = 'printf %s "$1" | base64 -d | TZ=UTC tar --numeric-owner -tvf -';
    const list = runCommandSync({ argv: ["sh", "-c", script, "sh", archive.toString("base64")] });
    expect(
      list
        .trim()
        .split("\n")
        .map((line) => line.replaceAll(/ +/g, " ")),
    ).toEqual([
      "drwxr-xr-x 0/0 0 1970-01-01 00:00 bin",
      "-rwxr-xr-x 0/0 600 1970-01-01 00:00 bin/busybox",
      "lrwxr-xr-x 0/0 0 1970-01-01 00:00 bin/sh -> busybox",
      "-rw-r--r-- 0/0 4 1970-01-01 00:00 etc/passwd",
    ]);
  });

  test("refuses names that do not fit", () => {
    expect(() => encodeTar([{ path: "x".repeat(101) }])).toThrow("too long");
  });
});

test("encodeImage() is the same for the same files, and names its layer by content", () => {
  const spec = { name: "docker.io/test/image:1", files: [{ path: "bin" }], command: ["/bin/sh"] };
  const image = encodeImage(spec);
  expect(encodeImage(spec).equals(image)).toBe(true);
  const other = encodeImage({ ...spec, files: [{ path: "sbin" }] });
  const digests = [image, other].map(
    (archive) => /sha256:([0-9a-f]{64})/.exec(archive.toString("latin1"))?.[1],
  );
  expect(digests[0]).not.toBe(digests[1]);
  expect(image.toString("latin1")).toContain('"RepoTags":["docker.io/test/image:1"]');
});
