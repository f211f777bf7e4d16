import type { Control, Usage } from "../control/index.ts";
import { encodeSegmentCode } from "../schema/index.ts";
import type { Answer, Handlers } from "./operation.ts";

/** Operations on the address space as a whole. */
export function ipamHandlers({ ipam }: Control): Handlers<"getUsage" | "checkIpam"> {
  return {
    async getUsage({ query }) {
      return { body: encodeUsage(await ipam.usage(query)) };
    },
    async checkIpam({ body, signal }) {
      const report = await ipam.check({ repair: body.repair, signal: signal() });
      return {
        body: { ...report, counts: Object.fromEntries(report.counts), findings: [...report.findings] },
      };
    },
  };
}

function encodeUsage(usage: Usage): Answer<"getUsage">["body"] {
  return {
    revision: usage.revision,
    networks: [...usage.networks],
    hosts: [...usage.hosts],
    tenants: usage.tenants.map((tenant) => ({
      ...tenant,
      segments: tenant.segments.map((segment) => ({
        ...segment,
        codes: segment.codes.map(encodeSegmentCode),
      })),
    })),
  };
}
