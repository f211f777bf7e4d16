import { readdirSync } from "node:fs";
import type { Client } from "../client/index.ts";
import type { Completer } from "./command.ts";

/** Most names that a completion offers. */
const LIMIT = 200;

/** Names of a kind that a completion offers. `client` is asked for when the kind needs romanad. */
export async function findNames(
  kind: Completer,
  partial: string,
  client: () => Promise<Client>,
): Promise<readonly string[]> {
  const query = { limit: LIMIT };
  switch (kind) {
    case "network":
      return (await (await client()).call("listNetworks", { query })).items.map(({ name }) => name);
    case "host":
      return (await (await client()).call("listHosts", { query })).items.map(({ name }) => name);
    case "tenant":
      return (await (await client()).call("listTenants", { query })).items.map(({ name }) => name);
    case "segment":
      return (await (await client()).call("listAllSegments", { query })).items.map(
        ({ tenant, name }) => `${tenant}/${name}`,
      );
    case "endpoint":
      return (await (await client()).call("listEndpoints", { query })).items.flatMap(
        ({ name }) => name ?? [],
      );
    case "workload":
      return (await (await client()).call("listWorkloads", { query })).items.map(({ id }) => id);
    case "vip":
      return (await (await client()).call("listVirtualIps", { query })).items.map(({ name }) => name);
    case "service":
      return (await (await client()).call("listServices", { query })).items.map(({ name }) => name);
    case "chain":
      return (await (await client()).call("listChains", { query })).items.map(({ name }) => name);
    case "fabric":
      return (await (await client()).call("listFabrics", { query })).items.map(({ name }) => name);
    case "policy":
      return (await (await client()).call("listPolicies", { query })).items.map(({ id }) => id);
    case "lab":
      return (await import("../lab/index.ts")).listLabs();
    case "lab-endpoint": {
      const { enterable, listLabs } = await import("../lab/index.ts");
      return listLabs().flatMap(enterable);
    }
    case "file":
      return filesFor(partial);
    default:
      return kind satisfies never;
  }
}

/** Entries of the directory that the partial path is in; directories end with "/". */
function filesFor(partial: string): string[] {
  const directory = partial.slice(0, partial.lastIndexOf("/") + 1);
  return readdirSync(directory === "" ? "." : directory, { withFileTypes: true })
    .map((entry) => `${directory}${entry.name}${entry.isDirectory() ? "/" : ""}`)
    .filter((path) => path.startsWith(partial))
    .slice(0, LIMIT);
}
