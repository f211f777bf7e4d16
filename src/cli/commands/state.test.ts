import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import type { Client } from "../../client/index.ts";
import { decodeState } from "../../schema/index.ts";
import type { Command, Context, Input } from "../command.ts";
import { state } from "./state.ts";

const STATES = join(import.meta.dirname, "../../../examples/states");

test.each(["shop.yaml", "steered.yaml"])("what is exported can be read again: %s", async (file) => {
  const stored = decodeState(parse(readFileSync(join(STATES, file), "utf8")));
  const listings: Readonly<Record<string, readonly object[]>> = {
    listNetworks: stored.networks,
    listHosts: stored.hosts,
    listTenants: stored.tenants,
    listAllSegments: stored.segments,
    listEndpoints: stored.endpoints,
    listPolicies: stored.policies,
    listExceptions: stored.exceptions,
    listServices: stored.services,
    listChains: stored.chains,
    listFabrics: stored.fabrics,
  };
  const client: Pick<Client, "call"> = {
    call: (async (operation: string) => ({
      items: listings[operation]?.map((item) => ({ ...item, revision: 7 })),
    })) as Client["call"],
  };
  const [command] = state.commands as readonly [Command];
  const context = { client: async () => client } as unknown as Context;
  const result = await command.run({} as Input, context);
  expect(decodeState(result.data)).toEqual(stored);
  const screen = { wide: false, columns: 80, unicode: false, paint: (_: unknown, word: string) => word };
  expect(decodeState(JSON.parse(result.text(screen)))).toEqual(stored);
});
