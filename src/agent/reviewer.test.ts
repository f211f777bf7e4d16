import { describe, expect, test } from "vitest";
import { createSceneKernel } from "../../test/support/agent-scene.ts";
import { endpoint, hostView } from "../../test/support/agent-view.ts";
import type { AttachmentRecord, HostSnapshot } from "../schema/index.ts";
import { createMemoryStore } from "../store/index.ts";
import { Attachments } from "./attachments.ts";
import { HostKnowledge } from "./host-knowledge.ts";
import { Journal } from "./journal.ts";
import { KeyedLock } from "./keyed-lock.ts";
import { Reviewer } from "./reviewer.ts";

const KEY = "10.1.1.27";

function attachment(revision: number): AttachmentRecord {
  const { revision: _, ...plain } = endpoint(11);
  return {
    endpoint: plain,
    revision,
    device: "rom0a01011b",
    mtu: 1500,
    isAllocatedHere: true,
    isReleasing: false,
  };
}

/** What becomes of an attachment of that revision, when romanad says so. */
async function review(revision: number, view: Partial<HostSnapshot>, lostRevision?: number) {
  const journal = await Journal.load(createMemoryStore());
  const attachments = new Attachments();
  attachments.put(attachment(revision));
  const reviewer = new Reviewer({
    takesRelocated: true,
    kernel: createSceneKernel(),
    journal,
    attachments,
    locks: new KeyedLock(),
    attacher: { drop: async (_, isGone) => isGone(attachment(revision)) },
    follower: {
      knowledge: new HostKnowledge(hostView(view)),
      connection: { connected: true, ...(lostRevision !== undefined && { lostRevision }) },
    },
  });
  return { verdict: await reviewer.review(KEY), attachments };
}

describe("review()", () => {
  const later = { ...endpoint(11, 45), createdAt: 9 };
  test.each([
    ["an endpoint as it was", 41, { revision: 50, endpoints: [endpoint(11, 41)] }, undefined, "unchanged"],
    ["one that has changed", 41, { revision: 50, endpoints: [endpoint(11, 45)] }, undefined, "updated"],
    ["one that is gone", 41, { revision: 50 }, undefined, "dropped"],
    ["another one with its address", 41, { revision: 50, endpoints: [later] }, undefined, "dropped"],
    ["one before it with its address", 46, { revision: 50, endpoints: [later] }, undefined, "unchanged"],
    ["one that the view is too old for", 41, { revision: 40 }, undefined, "unchanged"],
    ["one that a store has lost", 41, { revision: 50 }, 60, "unchanged"],
  ])("%s", async (_, revision, view, lost, verdict) => {
    expect((await review(revision, view, lost)).verdict).toBe(verdict);
  });

  test("a changed endpoint is known with what has changed", async () => {
    const changed = { ...endpoint(11, 45), externalId: "ns/shop" };
    const { attachments } = await review(41, { revision: 50, endpoints: [changed] });
    expect(attachments.get(KEY)).toMatchObject({ revision: 45, endpoint: { externalId: "ns/shop" } });
  });
});
