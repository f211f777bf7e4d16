import { afterEach, beforeEach } from "vitest";
import { eventCases } from "./kernel-events.case.ts";
import { flowCases } from "./kernel-flows.case.ts";
import { linkCases } from "./kernel-links.case.ts";
import { nftablesCases } from "./kernel-nftables.case.ts";
import { packetLogCases } from "./kernel-packet-log.case.ts";
import { routeCases } from "./kernel-routes.case.ts";

import { ruleCases } from "./kernel-rules.case.ts";
import { type KernelFixture, KernelScene } from "./kernel-scene.case.ts";
import { setCases } from "./kernel-sets.case.ts";
import { vethCases } from "./kernel-veth.case.ts";

/** The laws of {@link Kernel}: the same suite for the fake and for Linux. */
export function kernelCases(open: () => KernelFixture): void {
  const scene = new KernelScene();
  beforeEach(() => scene.begin(open()));
  afterEach(() => scene.fixture.close());

  linkCases(scene);
  routeCases(scene);
  ruleCases(scene);
  vethCases(scene);
  nftablesCases(scene);
  setCases(scene);
  eventCases(scene);
  flowCases(scene);
  packetLogCases(scene);
}
