import type { Control } from "../control/index.ts";
import { encodeSegmentResource } from "../schema/index.ts";
import { creationAnswer, deletionAnswer, encodePage, objectAnswer } from "./answer.ts";
import type { Handlers } from "./operation.ts";

/** Operations on segments. */
export function segmentHandlers({
  segments,
}: Control): Handlers<
  "listAllSegments" | "listSegments" | "createSegment" | "getSegment" | "updateSegment" | "deleteSegment"
> {
  return {
    async listAllSegments({ query }) {
      return { body: encodePage(await segments.list(query), encodeSegmentResource) };
    },
    async listSegments({ params: { tenant }, query }) {
      return { body: encodePage(await segments.list({ ...query, tenant }), encodeSegmentResource) };
    },
    async createSegment({ params: { tenant }, body }) {
      const created = await segments.create({ ...body, tenant });
      return creationAnswer(created, encodeSegmentResource, `/v1/tenants/${tenant}/segments/${body.name}`);
    },
    async getSegment({ params: { tenant, segment } }) {
      return objectAnswer(await segments.get(tenant, segment), encodeSegmentResource);
    },
    async updateSegment({ params: { tenant, segment }, body, change }) {
      return objectAnswer(await segments.update(tenant, segment, body, change), encodeSegmentResource);
    },
    async deleteSegment({ params: { tenant, segment }, query, change }) {
      return deletionAnswer(await segments.delete(tenant, segment, { ...query, ...change }));
    },
  };
}
