import { describe, expect, test } from "vitest";
import { parseAddress } from "../net/index.ts";
import { type Decide, type Probe, probeMatrix } from "./matrix.ts";
import type { KubernetesPod } from "./objects.ts";

function pod(name: string, addresses: readonly string[], rest: Partial<KubernetesPod> = {}): KubernetesPod {
  return {
    namespace: "n",
    name,
    addresses: addresses.map(parseAddress),
    labels: {},
    ports: [],
    hostNetwork: false,
    ...rest,
  };
}

const A = pod("a", ["10.0.0.1", "fd00::1"], { ports: [{ name: "http", protocol: "TCP", port: 8080 }] });
const B = pod("b", ["10.0.0.2", "fd00::2"]);
const NODE = pod("node", ["172.16.0.1"], { hostNetwork: true });
const TCP_80: Probe = { protocol: "TCP", port: 80 };

/** Refuses what the condition holds for. */
function refusing(condition: (...question: Parameters<Decide>) => boolean): Decide {
  return (direction, flow) => (condition(direction, flow) ? "drop" : "accept");
}

describe("probeMatrix()", () => {
  test.each<[string, Decide, KubernetesPod[], Probe, [string, string, string]]>([
    ["all is allowed", refusing(() => false), [A, B], TCP_80, ["#..#", "#..#", "#..#"]],
    ["nothing is allowed", refusing(() => true), [A, B], TCP_80, ["#XX#", "#XX#", "#XX#"]],
    [
      "rows are senders",
      refusing((direction, { source }) => direction === "egress" && source.value === A.addresses[0]?.value),
      [A, B],
      TCP_80,
      ["#..#", "#X.#", "#X.#"],
    ],
    [
      "both directions must accept",
      refusing((direction, { source }) => (direction === "ingress") === A.addresses.includes(source)),
      [A, B],
      TCP_80,
      ["#X.#", "#.X#", "#XX#"],
    ],
    [
      "one family is not enough",
      refusing((_, { source }) => source.family === 6),
      [A, B],
      TCP_80,
      ["#XX#", "#XX#", "#XX#"],
    ],
    [
      "protocol and port are asked about",
      refusing((_, { protocol, port }) => protocol !== 132 || port !== 9),
      [A, B],
      { protocol: "SCTP", port: 9 },
      ["#..#", "#..#", "#..#"],
    ],
    [
      "a named port is the destination's own, and who has none is not reached",
      refusing((_, { port }) => port !== 8080),
      [A, B],
      { protocol: "TCP", port: "http" },
      ["#X.#", "#X.#", "#X.#"],
    ],
    [
      "the same name of another protocol is another port",
      refusing(() => false),
      [A, B],
      { protocol: "UDP", port: "http" },
      ["#XX#", "#XX#", "#XX#"],
    ],
    [
      "nobody judges pods on their node's network",
      refusing(() => true),
      [A, NODE],
      TCP_80,
      ["#.X#", "#X.#", "#XX#"],
    ],
  ])("%s", (_, decide, pods, probe, [ingress, egress, combined]) => {
    expect(probeMatrix(decide, pods, probe)).toEqual({ probe, ingress, egress, combined });
  });
});
