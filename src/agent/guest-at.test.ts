import { expect, test } from "vitest";
import type { Endpoint } from "../model/index.ts";
import { parseAddress } from "../net/index.ts";
import { Attachments } from "./attachments.ts";
import { guestAt } from "./guest-at.ts";

const ENDPOINT: Endpoint = {
  network: "default",
  host: "host-1",
  tenant: "acme",
  segment: "web",
  code: { code: 1n, extraBits: 0 } as unknown as Endpoint["code"],
  endpointId: 11,
  addresses: { ipv4: parseAddress("10.1.1.27"), ipv6: parseAddress("fd00:10::b") },
  name: "web-1",
  requestToken: "10.1.1.99x",
  createdAt: 0,
};

const ACME = { name: "acme", id: 1, isolation: "segment", revision: 1 } as const;

test.each([
  ["its address", "10.1.1.27", { instance: "vm-1" }, "project-1", "vm-1 project-1"],
  ["its address of IPv6", "fd00:10::b", { instance: "vm-1" }, "project-1", "vm-1 project-1"],
  ["somebody else's address", "10.1.1.28", { instance: "vm-1" }, "project-1", undefined],
  ["its name", "web-1", { instance: "vm-1" }, "project-1", undefined],
  ["no instance", "10.1.1.27", {}, "project-1", undefined],
  ["no project", "10.1.1.27", { instance: "vm-1" }, undefined, undefined],
  ["being released", "10.1.1.27", { instance: "vm-1", isReleasing: true }, "project-1", undefined],
])(
  "guestAt() by %s",
  (_, address, {
    instance,
    isReleasing = false,
  }: { instance?: string; isReleasing?: boolean }, externalId, expected) => {
    const attachments = new Attachments();
    const known = { ...ENDPOINT, ...(instance !== undefined && { instance }), revision: 2 };
    attachments.put({
      endpoint: ENDPOINT,
      revision: 2,
      isAllocatedHere: true,
      isReleasing,
      device: "tap1",
      mtu: 1500,
    });
    const endpoints = new Map([["10.1.1.27", known]]);
    const tenants = [{ ...ACME, ...(externalId !== undefined && { externalId }) }];
    const guest = guestAt(address, attachments, { endpoints, tenants });
    expect(guest && `${guest.instance} ${guest.tenant}`).toBe(expected);
  },
);
