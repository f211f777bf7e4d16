import { expect, test } from "vitest";
import { Metrics } from "./metrics.ts";

test("render() writes the text format of Prometheus", () => {
  const metrics = new Metrics();
  const repairs = metrics.counter("romana_repairs_total", "Repairs.", "kind", ["route"]);
  metrics.gauge("romana_attachments", "Attachments.", () => 3);
  metrics.gauge("romana_drops", "Drops.", () => new Map([['a"b', 7]]), "reason");
  const attach = metrics.histogram("romana_attach_seconds", "Attaches.");
  repairs.add("table");
  repairs.add("table", 2);
  attach.observe(0.004);
  attach.observe(20);
  expect(metrics.render()).toMatchInlineSnapshot(`
    "# HELP romana_repairs_total Repairs.
    # TYPE romana_repairs_total counter
    romana_repairs_total{kind="route"} 0
    romana_repairs_total{kind="table"} 3
    # HELP romana_attachments Attachments.
    # TYPE romana_attachments gauge
    romana_attachments 3
    # HELP romana_drops Drops.
    # TYPE romana_drops gauge
    romana_drops{reason="a\\"b"} 7
    # HELP romana_attach_seconds Attaches.
    # TYPE romana_attach_seconds histogram
    romana_attach_seconds_bucket{le="0.001"} 0
    romana_attach_seconds_bucket{le="0.0025"} 0
    romana_attach_seconds_bucket{le="0.005"} 1
    romana_attach_seconds_bucket{le="0.01"} 1
    romana_attach_seconds_bucket{le="0.025"} 1
    romana_attach_seconds_bucket{le="0.05"} 1
    romana_attach_seconds_bucket{le="0.1"} 1
    romana_attach_seconds_bucket{le="0.25"} 1
    romana_attach_seconds_bucket{le="0.5"} 1
    romana_attach_seconds_bucket{le="1"} 1
    romana_attach_seconds_bucket{le="2.5"} 1
    romana_attach_seconds_bucket{le="5"} 1
    romana_attach_seconds_bucket{le="10"} 1
    romana_attach_seconds_bucket{le="+Inf"} 2
    romana_attach_seconds_sum 20.004
    romana_attach_seconds_count 2
    "
  `);
});
