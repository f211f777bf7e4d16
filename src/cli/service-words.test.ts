import { describe, expect, test } from "vitest";
import { healthCheckOf, healthCheckText, servicePortsOf, servicePortText } from "./service-words.ts";

describe("ports of a service", () => {
  test.each([
    ["tcp/80", { protocol: "tcp", port: 80 }],
    ["http=tcp/80:8080", { name: "http", protocol: "tcp", port: 80, targetPort: 8080 }],
    ["dns=udp/53:dns-udp", { name: "dns", protocol: "udp", port: 53, targetPort: "dns-udp" }],
  ])("%s", (text, port) => {
    expect(servicePortsOf([text])).toEqual([port]);
    expect(servicePortsOf([text])?.map(servicePortText)).toEqual([text]);
  });

  test.each(["80", "tcp/", "icmp/1", "=tcp/80", "tcp/80:", "http=tcp/80:8080/x", "http:tcp/80"])(
    "refuses %j",
    (text) => {
      expect(() => servicePortsOf([text])).toThrow(`--port: "${text}" is not [NAME=]PROTOCOL/PORT[:TARGET]`);
    },
  );

  test("none are none", () => {
    expect(servicePortsOf([])).toBeUndefined();
  });
});

describe("health checks", () => {
  test.each([
    ["icmp", { protocol: "icmp" }],
    ["tcp:5432", { protocol: "tcp", port: 5432 }],
    ["http:web/ready?x=1:2", { protocol: "http", port: "web", path: "/ready?x=1:2" }],
    ["http:8080", { protocol: "http", port: 8080 }],
  ])("%s", (text, check) => {
    const read = healthCheckOf(text);
    expect(read).toEqual(check);
    expect(read && healthCheckText(read)).toBe(text);
  });

  test.each(["", "https:443", "tcp:", "8080"])("refuses %j", (text) => {
    expect(() => healthCheckOf(text)).toThrow(`--check: "${text}" is not tcp:PORT, http:PORT[/PATH] or icmp`);
  });
});
