import { expect, test } from "vitest";
import { readMessages } from "./reader.ts";
import { readAcknowledgement } from "./reply.ts";

/** Header of the request that the kernel echoes: 24 bytes long, so 8 of payload. */
const REQUEST = "18000000 1800 0500 07000000 00000000";
const TEXT = "0c00 0100 776f726473 000000"; // attribute 1 is "words"

test.each<[string, string, object]>([
  ["success", `24000000 0200 0001 07000000 00000000 00000000 ${REQUEST}`, {}],
  ["an error", `24000000 0200 0001 07000000 00000000 efffffff ${REQUEST}`, { errno: "EEXIST" }],
  [
    "a name shared by two numbers",
    `24000000 0200 0001 07000000 00000000 a1ffffff ${REQUEST}`,
    { errno: "EOPNOTSUPP" },
  ],
  ["an unknown number", `24000000 0200 0001 07000000 00000000 01f0ffff ${REQUEST}`, { errno: "errno 4095" }],
  [
    "the kernel's words behind a capped request",
    `30000000 0200 0003 07000000 00000000 9bffffff ${REQUEST} ${TEXT}`,
    { errno: "ENETUNREACH", detail: "words" },
  ],
  [
    "the kernel's words behind a whole request",
    `38000000 0200 0002 07000000 00000000 9bffffff ${REQUEST} 0102030405060708 ${TEXT}`,
    { errno: "ENETUNREACH", detail: "words" },
  ],
  [
    "other attributes only",
    `2c000000 0200 0003 07000000 00000000 eaffffff ${REQUEST} 0800 0200 04000000`,
    { errno: "EINVAL", offset: 4 },
  ],
  ["the end of a dump", "14000000 0300 0200 07000000 00000000 00000000", {}],
  ["a dump that ended early", "14000000 0300 0200 07000000 00000000 feffffff", { errno: "ENOENT" }],
  [
    "a dump that ended early, in words",
    `20000000 0300 0202 07000000 00000000 feffffff ${TEXT}`,
    { errno: "ENOENT", detail: "words" },
  ],
  ["an end without a number", "10000000 0300 0200 07000000 00000000", {}],
])("readAcknowledgement() of %s", (_, text, expected) => {
  const bytes = Buffer.from(text.replaceAll(" ", ""), "hex");
  const [message] = [...readMessages(bytes, bytes.length)];
  expect(message).toBeDefined();
  if (message !== undefined) expect(readAcknowledgement(bytes, message)).toEqual(expected);
});
