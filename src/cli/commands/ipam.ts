import { formatSegmentCode } from "../../addressing/index.ts";
import type { CheckReport, Usage } from "../../schema/index.ts";
import type { Noun, Result } from "../command.ts";
import { EXIT } from "../exit.ts";
import { count, renderTable } from "../format.ts";
import { renderUsage } from "../usage.ts";

/** `romana ipam`. */
export const ipam: Noun = {
  name: "ipam",
  summary: "How full the address space is, and whether all of it is accounted for",
  connection: "romanad",
  commands: [
    {
      verb: "usage",
      summary: "Show how full each level is, as tables with bars",
      options: [{ name: "host", value: "HOST", summary: "Only of this host", complete: "host" }],
      examples: ["romana ipam usage", "romana ipam usage --host host-1", "romana ipam usage -o json"],
      run: async (input, context) => {
        const client = await context.client();
        const host = input.text("host");
        const usage = await client.call("getUsage", { query: host === undefined ? {} : { host } });
        return { data: encodeUsage(usage), text: (screen) => renderUsage(screen, usage) };
      },
    },
    {
      verb: "check",
      summary: "Prove that no address is there twice or lost; exit code 1 when something is wrong",
      options: [{ name: "repair", summary: "Mend what can be mended safely" }],
      examples: ["romana ipam check", "romana ipam check --repair"],
      run: async (input, context) => {
        const client = await context.client();
        return checkResult(await client.call("checkIpam", { body: { repair: input.flag("repair") } }));
      },
    },
  ],
};

/** Findings, and a last line that says whether all is well. */
export function checkResult(report: CheckReport): Result {
  return {
    data: report,
    exitCode: report.clean ? EXIT.ok : EXIT.findings,
    text: (screen) => {
      const findings = renderTable(
        screen,
        [
          {
            title: "finding",
            value: ({ kind }) => kind,
            tone: ({ repaired }) => (repaired ? "good" : "bad"),
          },
          { title: "key", value: ({ key }) => key },
          { title: "what is wrong", value: ({ message }) => message },
          { title: "repair", value: ({ repaired }) => repaired },
        ],
        report.findings,
        "",
      );
      const total = Object.values(report.counts).reduce((sum, number) => sum + number, 0);
      const what = total === 0 ? "no findings" : count(total, "finding");
      const verdict = report.clean ? screen.paint("good", "clean") : screen.paint("bad", "not clean");
      const summary = `${verdict}: ${count(report.endpoints, "endpoint")}, ${count(report.keys, "key")}, ${what}`;
      return findings === "" ? summary : `${findings}\n\n${summary}`;
    },
  };
}

function encodeUsage(usage: Usage): unknown {
  return {
    ...usage,
    tenants: usage.tenants.map((tenant) => ({
      ...tenant,
      segments: tenant.segments.map((segment) => ({
        ...segment,
        codes: segment.codes.map(formatSegmentCode),
      })),
    })),
  };
}
