import { describe, expect, test } from "vitest";
import { exampleWorld } from "../../test/support/example-world.ts";
import { parsePrefix } from "../net/index.ts";
import type { PolicyWorld } from "../policy/index.ts";
import { POLICY_ENGINES } from "./policy-engines.ts";
import { segmentMatrix } from "./segment-matrix.ts";
import { readTraffic } from "./why-traffic.ts";

/** The example with a segment without codes, which an endpoint of acme/web may act as. */
function world(isActing: boolean): PolicyWorld {
  const { segments, ...rest } = exampleWorld();
  return {
    ...rest,
    segments: [...segments, { tenant: "acme", name: "class", codes: [] }],
    policies: [],
    exceptions: isActing ? [{ tenant: "acme", segment: "class", blocks: [parsePrefix("10.1.1.27/32")] }] : [],
  };
}

describe.each(Object.entries(POLICY_ENGINES))("segmentMatrix() asking %s", (_, engine) => {
  test.each([
    ["leaves out a segment that nobody is in", false, ["acme/db", "acme/web"], ".X X."],
    ["asks about who acts as one without codes", true, ["acme/class", "acme/db", "acme/web"], ".XX X.X XX."],
  ])("%s", (_name, isActing, order, rows) => {
    const cluster = world(isActing);
    const found = segmentMatrix(
      cluster,
      engine(cluster),
      readTraffic({ protocol: "tcp", port: "80" }),
      "TCP/80",
      "acme",
    );
    expect(found.order).toEqual(order);
    expect(found.matrix.combined).toBe(rows.replaceAll(" ", ""));
  });
});
