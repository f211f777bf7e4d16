import { encodeState } from "../../schema/index.ts";
import type { Noun } from "../command.ts";
import { renderJson } from "../format.ts";
import { listAll } from "../resource.ts";
import { readWorld } from "../state-source.ts";

/** `romana state`. */
export const state: Noun = {
  name: "state",
  summary: "Everything that decides about traffic, as one file",
  connection: "romanad",
  commands: [
    {
      verb: "export",
      summary:
        'Print networks, hosts, tenants, segments, endpoints, policies, services and chains, for "romana why --state"',
      examples: ["romana state export", "romana state export -o yaml"],
      run: async (_, context) => {
        const client = await context.client();
        const world = await readWorld(client);
        const endpoints = await listAll((query) => client.call("listEndpoints", { query }));
        const data = encodeState({ ...world, endpoints });
        return { data, text: () => renderJson(data) };
      },
    },
  ],
};
