import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { codes, host, network, SEED_IPV4 } from "../../test/support/example-world.ts";
import { parsePrefix } from "../net/index.ts";
import { createTable } from "./compile.ts";
import { renderTable } from "./nft.ts";

const DOCUMENT = join(import.meta.dirname, "../../docs/isolation.md");

test("docs/isolation.md explains the table that is rendered", () => {
  const table = createTable({
    table: "romana",
    networks: [network("default", SEED_IPV4)],
    host: host(1),
    tenants: [
      { id: 1, name: "acme", isolation: "segment" },
      { id: 2, name: "beta", isolation: "tenant" },
      { id: 3, name: "open", isolation: "none" },
    ],
    segments: [{ tenant: "acme", name: "web", codes: codes("1") }],
    devices: [{ name: "rom0a01011b", index: 7, owns: [parsePrefix("10.1.1.27/32")] }],
    underlayDevices: [2],
    gatewayServices: [{ protocol: "udp", port: 53 }],
  });
  const documented = /^```nft\n(.*?)^```$/ms.exec(readFileSync(DOCUMENT, "utf8"))?.[1];
  expect(documented).toBe(renderTable(table));
});
