import { expect, test } from "vitest";
import { formatPrefix } from "../net/index.ts";
import { safeDestinationSchema, safeServiceSchema } from "./safety-net.ts";

test.each<[string, number, number]>([
  ["tcp/22", 6, 22],
  ["udp/65535", 17, 65_535],
  ["sctp/1", 132, 1],
])("service %s", (text, protocol, port) => {
  expect(safeServiceSchema.parse(text)).toEqual({ protocol, port });
});

test.each(["tcp/0", "tcp/65536", "icmp/1", "22", "22/tcp", "TCP/22", "tcp/22 ", ""])(
  "%j is no service",
  (text) => {
    expect(safeServiceSchema.safeParse(text).success).toBe(false);
  },
);

test.each<[string, number, number, string | undefined]>([
  ["10.0.0.1:9600/tcp", 6, 9600, "10.0.0.1/32"],
  ["[fd00::1]:53/udp", 17, 53, "fd00::1/128"],
  ["udp/123", 17, 123, undefined],
])("destination %s", (text, protocol, port, prefix) => {
  const destination = safeDestinationSchema.parse(text);
  expect(destination).toMatchObject({ protocol, port });
  expect(destination.prefix && formatPrefix(destination.prefix)).toBe(prefix);
});

test.each([
  "fd00::1:53/udp",
  "[10.0.0.1]:53/udp",
  "10.0.0.1:0/tcp",
  "10.0.0.1/tcp",
  "romanad:9600/tcp",
  ":9600/tcp",
])("%j is no destination", (text) => {
  expect(safeDestinationSchema.safeParse(text).success).toBe(false);
});
