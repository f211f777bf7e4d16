import type { Control } from "../control/index.ts";
import { invalidInput } from "../model/index.ts";
import { encodeFabricResource } from "../schema/index.ts";
import { creationAnswer, deletionAnswer, encodePage, objectAnswer } from "./answer.ts";
import type { Handlers } from "./operation.ts";

/** Operations on fabrics. */
export function fabricHandlers({
  fabrics,
}: Control): Handlers<"listFabrics" | "getFabric" | "putFabric" | "deleteFabric"> {
  return {
    async listFabrics({ query }) {
      return { body: encodePage(await fabrics.list(query), encodeFabricResource) };
    },
    async getFabric({ params }) {
      return objectAnswer(await fabrics.get(params.name), encodeFabricResource);
    },
    async putFabric({ params, body, change }) {
      if (body.name !== params.name) {
        const reason = `"${body.name}" is not the name of the path, "${params.name}"`;
        throw invalidInput(`put fabric "${params.name}"`, [{ path: "name", reason }]);
      }
      return creationAnswer(
        await fabrics.put(body, change),
        encodeFabricResource,
        `/v1/fabrics/${body.name}`,
      );
    },
    async deleteFabric({ params, query, change }) {
      return deletionAnswer(await fabrics.delete(params.name, { ...query, ...change }));
    },
  };
}
