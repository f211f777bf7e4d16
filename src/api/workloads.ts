import type { Control } from "../control/index.ts";
import { encodeWorkloadResource } from "../schema/index.ts";
import { creationAnswer, deletionAnswer, encodePage, objectAnswer } from "./answer.ts";
import type { Handlers } from "./operation.ts";

/** Operations on workloads. */
export function workloadHandlers({
  workloads,
}: Control): Handlers<"listWorkloads" | "putWorkload" | "getWorkload" | "deleteWorkload"> {
  return {
    async listWorkloads({ query }) {
      return { body: encodePage(await workloads.list(query), encodeWorkloadResource) };
    },
    async putWorkload({ params, body, change }) {
      const written = await workloads.put({ id: params.workload, ...body }, change);
      return creationAnswer(written, encodeWorkloadResource, `/v1/workloads/${params.workload}`);
    },
    async getWorkload({ params }) {
      return objectAnswer(await workloads.get(params.workload), encodeWorkloadResource);
    },
    async deleteWorkload({ params, query, change }) {
      return deletionAnswer(await workloads.delete(params.workload, { ...query, ...change }));
    },
  };
}
