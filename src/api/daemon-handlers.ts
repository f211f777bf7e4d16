import type { Control } from "../control/index.ts";
import { CONTRACT } from "../schema/index.ts";
import type { Metrics } from "./metrics.ts";
import { type OpenApiDocument, openApiDocument } from "./openapi.ts";
import type { Handlers } from "./operation.ts";

/** Operations about romanad itself. */
export function daemonHandlers(
  control: Control,
  metrics: Metrics,
  version: string,
): Handlers<"getHealth" | "getReadiness" | "getMetrics" | "getOpenApi"> {
  let openApi: OpenApiDocument | undefined;
  return {
    async getHealth() {
      return { body: { status: "ok" } };
    },
    async getReadiness() {
      return { body: { status: "ok", revision: await control.revision() } };
    },
    async getMetrics() {
      return { body: await metrics.render() };
    },
    async getOpenApi() {
      openApi ??= openApiDocument(CONTRACT, version);
      return { body: openApi };
    },
  };
}
