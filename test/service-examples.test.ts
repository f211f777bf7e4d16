import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readDocument, readDocuments } from "../src/cli/documents.ts";
import { createControl } from "../src/control/index.ts";
import { decodeNetwork, decodeWith, serviceSpecSchema } from "../src/schema/index.ts";
import { createMemoryStore } from "../src/store/index.ts";

const EXAMPLES = join(import.meta.dirname, "../examples");

test.each(readdirSync(join(EXAMPLES, "services")))(
  "examples/services/%s is what romanad takes, beside examples/networks/services.yaml",
  async (file) => {
    const store = createMemoryStore();
    const control = await createControl({ store });
    await control.networks.create(decodeNetwork(readDocument(join(EXAMPLES, "networks/services.yaml"))));
    const specs = readDocuments(join(EXAMPLES, "services", file)).map((document) =>
      decodeWith(serviceSpecSchema, "read example", document),
    );
    expect(specs.length).toBeGreaterThan(0);
    for (const { tenant, segment } of specs) {
      await control.tenants.create({ name: tenant });
      await control.segments.create({ tenant, name: segment });
    }
    for (const spec of specs) expect(await control.services.create(spec)).toMatchObject({ created: true });
    await control.close();
    await store.close();
  },
);
