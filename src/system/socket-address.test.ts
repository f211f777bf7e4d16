import { expect, test } from "vitest";
import { parseAddress } from "../net/index.ts";
import { decodeSocketAddress, encodeSocketAddress } from "./socket-address.ts";

test.each([
  ["10.1.1.27", 80, 0, "020000500a01011b0000000000000000"],
  ["255.255.255.255", 65_535, 0, "0200ffffffffffff0000000000000000"],
  ["fd00::27", 80, 0, "0a00005000000000fd00000000000000000000000000002700000000"],
  ["fe80::1", 1, 7, "0a00000100000000fe80000000000000000000000000000107000000"],
])("%s port %i on link %i", (text, port, link, expected) => {
  const address = { address: parseAddress(text), port };
  const bytes = encodeSocketAddress(address, link);
  expect(bytes.toString("hex")).toBe(expected);
  expect(decodeSocketAddress(bytes)).toEqual(address);
});
test("another family is none", () => {
  expect(decodeSocketAddress(Buffer.alloc(28))).toBeUndefined();
});
