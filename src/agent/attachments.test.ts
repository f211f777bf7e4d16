import { describe, expect, test } from "vitest";
import { endpoint } from "../../test/support/agent-view.ts";
import type { AttachmentRecord } from "../schema/index.ts";
import { Attachments } from "./attachments.ts";

function record(id: number, device: string, isReleasing = false): AttachmentRecord {
  const { revision, ...plain } = endpoint(id);
  return { endpoint: plain, revision, device, mtu: 1500, isAllocatedHere: true, isReleasing };
}

describe("Attachments", () => {
  test.each(["web-11", "10.1.1.27", "fd00:10:0:100:1:1:0:b", "fd00:0010:0:100:1:1::b"])(
    "are found by %s",
    (ref) => {
      const attachments = new Attachments();
      attachments.put(record(11, "rom0a01011b"));
      expect(attachments.find(ref)?.endpoint.endpointId).toBe(11);
    },
  );

  test("a device that has gone over to another is still found when the first one is forgotten", () => {
    const attachments = new Attachments();
    attachments.put(record(11, "tap0"));
    attachments.put(record(11, "tap0", true));
    attachments.put(record(12, "tap0"));
    attachments.remove("10.1.1.27");
    expect(attachments.onDevice("tap0")?.endpoint.endpointId).toBe(12);
    expect(attachments.find("web-11")).toBeUndefined();
  });

  test("count those that are attached apart from those that are being released", () => {
    const attachments = new Attachments();
    attachments.put(record(11, "a"));
    attachments.put(record(12, "b"));
    attachments.put(record(12, "b", true));
    expect([attachments.attached, attachments.releasing.length, attachments.all.length]).toEqual([1, 1, 2]);
    attachments.remove("10.1.1.28");
    expect([attachments.attached, attachments.releasing.length]).toEqual([1, 0]);
  });
});
