import { isDeepStrictEqual } from "node:util";
import { desiredChain, type WantedChain } from "../kubernetes/index.ts";
import type { Chain, ChainEnd, ChainFunction } from "../model/index.ts";
import { formatPrefix } from "../net/index.ts";
import { type CustomChain, encodeChain } from "../schema/index.ts";
import type { WantedCondition } from "./condition-writer.ts";
import { createObjectHandler } from "./object-handler.ts";
import { CONDITIONS } from "./resources.ts";
import type { Handler } from "./site.ts";

/** Makes a chain of its object (romana.io/v1), and tells which of its functions are there. */
export const settleChain: Handler = createObjectHandler<CustomChain, WantedChain, Chain>({
  noun: "chain",
  informer: ({ cluster }) => cluster.informers.customChains,
  made: ({ mirror }) => mirror.chains,
  desired: ({ mirror }, object, known) => desiredChain(object, (name) => mirror.choiceOf(name), known),
  create: ({ romanad }, wanted) => romanad.createChain(wanted),
  async update({ romanad }, wanted, known) {
    const { network, places } = known;
    if (isDeepStrictEqual(encodeChain({ ...wanted, network, places }), encodeChain(known))) return undefined;
    return await romanad.updateChain(wanted);
  },
  remove: ({ romanad }, name) => romanad.deleteChain(name),
  describe({ mirror }, chain) {
    const { name, network, through } = chain;
    const functions = through.map((each) => {
      const healthy = mirror.healthyOf(network, each.tenant, each.segment);
      return { ...each, healthy };
    });
    const namespace = name.slice(0, name.indexOf("."));
    return {
      ready: readyCondition(functions),
      fields: {
        from: wordsOf(chain.from, namespace),
        to: wordsOf(chain.to, namespace),
        through: functions.map(({ segment, healthy }) => `${segment}(${healthy})`).join(","),
      },
    };
  },
  onChange({ ask }) {
    ask("health/all");
  },
});

/** An end as people of its chain's namespace read it. */
function wordsOf(end: ChainEnd | Chain["to"], namespace: string): string {
  switch (end.kind) {
    case "any":
      return "any";
    case "cidr":
      return formatPrefix(end.prefix);
    case "tenant":
      return `${end.tenant}/*`;
    case "segment":
      return end.tenant === namespace ? end.segment : `${end.tenant}/${end.segment}`;
    case "service":
      return `service ${end.service}`;
    default:
      return end satisfies never;
  }
}

type LiveFunction = Pick<ChainFunction, "segment" | "fail"> & { readonly healthy: number };

function readyCondition(functions: readonly LiveFunction[]): WantedCondition {
  const type = CONDITIONS.ready;
  const down = functions.filter(({ healthy }) => healthy === 0);
  if (down.length === 0) return { type, status: "True", reason: "Healthy", message: "" };
  const words = down.map(({ segment, fail }) => {
    const effect = fail === "closed" ? "its traffic is dropped" : "traffic passes without it";
    return `no pod of segment "${segment}" is healthy: ${effect}`;
  });
  return { type, status: "False", reason: "FunctionsDown", message: words.join("; ") };
}
