import { describe, expect, test } from "vitest";
import { type Client, createClient, parseServer } from "../../src/client/index.ts";
import type { RomanaError } from "../../src/model/index.ts";
import { formatAddress } from "../../src/net/index.ts";
import type { EndpointJson } from "../../src/schema/index.ts";
import { createField, createPlace } from "./romanad-process.case.ts";

const CLIENTS = 32;
const KILL_AFTER = [1, 150, 700];

interface Acknowledged {
  readonly token: string;
  readonly ipv4: string;
  readonly ipv6: string;
}

/** What token number `index` asks for. */
function requestOf(token: string, index: number) {
  return {
    host: `h${1 + (index % 3)}`,
    tenant: `t${1 + (index % 2)}`,
    segment: `s${1 + (index % 4)}`,
    name: `e-${token}`,
    requestToken: token,
  };
}

async function allocate(client: Client, token: string, index: number): Promise<Acknowledged> {
  const { addresses } = await client.call("createEndpoint", { body: requestOf(token, index) });
  return {
    token,
    ipv4: formatAddress(addresses.ipv4 as never),
    ipv6: formatAddress(addresses.ipv6 as never),
  };
}

async function listAll(
  client: Client,
): Promise<{ requestToken?: string; addresses: EndpointJson["addresses"] }[]> {
  const items = [];
  for (let cursor: string | undefined, more = true; more; ) {
    const query = { limit: 1000, ...(cursor !== undefined && { cursor }) };
    const page = await client.call("listEndpoints", { query });
    for (const { requestToken, addresses } of page.items) {
      items.push({
        ...(requestToken !== undefined && { requestToken }),
        addresses: {
          ipv4: formatAddress(addresses.ipv4 as never),
          ipv6: formatAddress(addresses.ipv6 as never),
        },
      });
    }
    cursor = page.nextCursor;
    more = cursor !== undefined;
  }
  return items;
}

describe("romanad killed with SIGKILL while it allocates", () => {
  test("has every acknowledged endpoint, no duplicate and no leak, and tokens still name the same", async () => {
    await using place = createPlace();
    let romanad = await place.start();
    // One that waits for the next romanad would never see a lost answer.
    const impatient = createClient({ server: parseServer(`unix://${place.socket}`), retries: 0 });
    await createField(place.client, 3, 2, 4);
    const acknowledged: Acknowledged[] = [];
    const asked: [string, number][] = [];
    for (const [round, killAfter] of KILL_AFTER.entries()) {
      let count = 0;
      let killed: Promise<unknown> | undefined;
      const worker = async (worker: number): Promise<void> => {
        for (let index = 0; killed === undefined; index++) {
          const token = `${round}.${worker}.${index}`;
          asked.push([token, index]);
          acknowledged.push(await allocate(impatient, token, index));
          if (++count === killAfter) killed = romanad.kill("SIGKILL");
        }
      };
      const outcomes = await Promise.allSettled(Array.from({ length: CLIENTS }, (_, index) => worker(index)));
      for (const outcome of outcomes) {
        if (outcome.status === "rejected") expect((outcome.reason as RomanaError).code).toBe("unavailable");
      }
      await killed;
      romanad = await place.start();
      const { clean, findings } = await place.client.call("checkIpam", { body: {} });
      expect({ clean, findings }).toEqual({ clean: true, findings: [] });
    }
    const stored = new Map((await listAll(place.client)).map((item) => [item.requestToken, item.addresses]));
    for (const { token, ipv4, ipv6 } of acknowledged) expect(stored.get(token)).toEqual({ ipv4, ipv6 });
    // Asking again gives what is there; what was lost on the way is made now. Nothing is there twice.
    const again = await Promise.all(asked.map(([token, index]) => allocate(place.client, token, index)));
    for (const { token, ipv4, ipv6 } of again) {
      if (stored.has(token)) expect(stored.get(token)).toEqual({ ipv4, ipv6 });
    }
    expect(new Set(again.map(({ ipv4 }) => ipv4)).size).toBe(asked.length);
    expect(new Set(again.map(({ ipv6 }) => ipv6)).size).toBe(asked.length);
    expect(await listAll(place.client)).toHaveLength(asked.length);
    expect(await place.client.call("checkIpam", { body: {} })).toMatchObject({
      clean: true,
      endpoints: asked.length,
    });
    await impatient.close();
  });
});
