import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { createControl } from "../src/control/index.ts";
import {
  chainSpecSchema,
  decodeNetwork,
  decodeWith,
  readYaml,
  serviceSpecSchema,
} from "../src/schema/index.ts";
import { createMemoryStore } from "../src/store/index.ts";

const EXAMPLES = join(import.meta.dirname, "../examples");

test.each(readdirSync(join(EXAMPLES, "chains")))(
  "examples/chains/%s is what romanad takes, beside the services of examples/services/shop.yaml",
  async (file) => {
    const control = await createControl({ store: createMemoryStore() });
    const network = readYaml(readFileSync(join(EXAMPLES, "networks/services.yaml"), "utf8"), "read example");
    await control.networks.create(decodeNetwork(network));
    const segments = { shop: ["web", "db"], infra: ["dns"], guard: ["firewall", "inspector", "recorder"] };
    for (const [tenant, names] of Object.entries(segments)) {
      await control.tenants.create({ name: tenant });
      for (const name of names) await control.segments.create({ tenant, name });
    }
    for (const document of documentsOf("services/shop.yaml")) {
      await control.services.create(decodeWith(serviceSpecSchema, "read service", document));
    }
    const chains = documentsOf(`chains/${file}`);
    for (const document of chains) {
      const { created } = await control.chains.create(decodeWith(chainSpecSchema, "read chain", document));
      expect(created).toBe(true);
    }
    expect((await control.chains.list()).items).toHaveLength(chains.length);
    expect((await control.ipam.check()).findings).toEqual([]);
    await control.close();
  },
);

function documentsOf(path: string): unknown[] {
  return parseAllDocuments(readFileSync(join(EXAMPLES, path), "utf8")).map((document) => document.toJS());
}
