import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { expectDecided, policyTableOf } from "../../test/support/judged-table.ts";
import { parseNft } from "../../test/support/parse-nft.ts";
import { randomPolicyWorld } from "../../test/support/random-policies.ts";
import { POLICY_REASONS, randomPolicyPacket } from "../../test/support/random-policy-packets.ts";
import { createDraw } from "../../test/support/random-world.ts";
import { renderTable } from "./nft.ts";

const PACKETS = 40;

describe("what is read back from the text of a table", () => {
  test.each([false, true])("is the table, and decides as the evaluator does; drops logged: %s", (drops) => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const draw = createDraw(seed);
        const world = randomPolicyWorld(draw);
        const table = policyTableOf(world, drops);
        const parsed = parseNft(renderTable(table));
        expect(parsed).toEqual(table);
        for (let count = 0; count < PACKETS; count++) {
          seen.add(expectDecided(parsed, world, randomPolicyPacket(draw, world), seed));
        }
      }),
      { numRuns: 150 },
    );
    expect([...seen].sort()).toEqual([...POLICY_REASONS]);
  });
});

/** A table with one chain of these rules, one set with these elements, and a counter. */
function text({ rule = "accept", elements = "10.0.0.1 . tcp . 80", flags = "" }): string {
  return `table inet t {
  counter drops {
    packets 0 bytes 0
  }
  set s {
    type ipv4_addr . inet_proto . inet_service
    ${flags}
    comment "some"
    elements = {
      ${elements},
    }
  }
  chain c {
    ${rule}
  }
}
`;
}

const SET_LINE = 'set { type ipv4_addr; comment "c"; }';

describe("the parser guesses nothing", () => {
  const rules: [rule: string, message: string][] = [
    ["permit", 'line 14: neither a match that we know nor a verdict, at "permit"'],
    ["ip saddr 10.0.0.1", "line 14: neither a match that we know nor a verdict"],
    ["accept drop", 'line 14: expected "\\n", at "drop"'],
    ["ip saddr 10.0.0.256 accept", "10.0.0.256"],
    ["ip saddr fd00::1 accept", "line 14: fd00::1 is not of IPv4"],
    ["ip saddr & 255.255.0.0 10.0.0.1 accept", "no comparison that we know"],
    ["ip saddr { 10.0.0.1 } accept", "no comparison that we know"],
    ["ip ttl 7 accept", "neither a match that we know nor a verdict"],
    ["ip saddr . ip ttl @s accept", "no field that we know"],
    ["ct state established accept", "neither a match that we know nor a verdict"],
    ["icmpv6 type { nd-neighbor-solicit } ip6 hoplimit 255 accept", "not what we ask of ICMP"],
    ["icmpv6 type { nd-neighbor-advert, nd-neighbor-solicit } accept", 'expected "ip6"'],
    ["icmp type echo-reply accept", "not what we ask of ICMP"],
    ["meta pkttype { broadcast } accept", "not what we ask of types"],
    ["iif eth0 accept", '"eth0" is no iface_index that we know'],
    ['iif "eth0" accept', 'no device is called "eth0"'],
    ["goto nowhere", 'no chain is called "nowhere"'],
    ["ip saddr @nothing accept", 'no set is called "nothing"'],
    ["counter name other drop", 'no counter is called "other"'],
    ["counter drop", "neither a match that we know nor a verdict"],
    ["limit rate 5/minute burst 5 packets drop", "no rate that we know"],
    ["type filter hook forward priority 0; policy accept;", "no hook is"],
    ["type filter hook forward priority filter; policy drop;", "no hook is"],
  ];
  test.each(rules)("rule: %s", (rule, message) => {
    expect(() => parseNft(text({ rule }))).toThrow(message);
  });

  const elements: [elements: string, message: string][] = [
    ["10.0.0.1 . tcp", 'expected "."'],
    ["10.0.0.1 . tcp . 80 . 81", "expected a comma"],
    ["10.0.0.1 . tcp . 65536", 'line 10: "65536" is no inet_service that we know'],
    ["10.0.0.1 . tcp . 08", '"08" is no inet_service that we know'],
    ["10.0.0.1 . dccp . 80", '"dccp" is no inet_proto that we know'],
    ["10.0.0.1 . tcp . http", '"http" is no inet_service that we know'],
    ["10.0.0.0/24 . tcp . 80", "a range in a set without"],
    ["10.0.0.1 . tcp . 81-80", '"81-80" is no range'],
    ["10.0.0.1 . tcp . 80 counter packets 0 bytes 0", "expected a comma"],
  ];
  test.each(elements)("elements: %s", (given, message) => {
    expect(() => parseNft(text({ elements: given }))).toThrow(message);
  });

  const texts: [what: string, text: string, message: string][] = [
    ["nothing", "", 'expected "table"'],
    ["another family", "table ip t {\n}\n", 'expected "inet"'],
    ["an object of another kind", `table inet t {\n  map ${SET_LINE}\n}\n`, "neither a counter nor a set"],
    ["two tables", `${text({})}${text({})}`, "expected the end of the text"],
    ["a table that is deleted and another that is made", "add table inet a\ndelete table inet b\n", '"b"'],
    ["a set with more flags", text({ flags: "flags interval, timeout" }), 'expected "\\n", at ","'],
    ["an end too early", text({}).slice(0, -3), 'expected "\\n"'],
  ];
  test.each(texts)("%s", (_, given, message) => {
    expect(() => parseNft(given)).toThrow(message);
  });

  test("and what it is given otherwise is read", () => {
    expect(() => parseNft(text({}))).not.toThrow();
  });
});
