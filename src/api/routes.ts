import type { Control } from "../control/index.ts";
import { encodeRoute } from "../schema/index.ts";
import type { Handlers } from "./operation.ts";

/** Operations on routes. */
export function routeHandlers({ routes }: Control): Handlers<"listRoutes" | "summarizeRoutes"> {
  return {
    async listRoutes({ query }) {
      const hosts = await routes.list(query.host);
      const items = hosts.map((host) => ({ ...host, routes: host.routes.map(encodeRoute) }));
      return { body: { items } };
    },
    async summarizeRoutes() {
      return { body: { ...(await routes.summary()) } };
    },
  };
}
