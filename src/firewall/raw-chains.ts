import type { Family } from "../net/index.ts";
import { stateless } from "./policy-chains.ts";
import type { PolicyRules } from "./policy-rules.ts";
import type { Chain, Rule } from "./table.ts";

const FAMILIES: readonly Family[] = [4, 6];

/** What policies keep from connection tracking, wherever it passes. */
export function rawChains(rules: PolicyRules): readonly Chain[] {
  const notracked = FAMILIES.flatMap((family) => [
    ...stateless(rules, family, "endpoints", "ingress"),
    ...stateless(rules, family, "endpoints", "egress"),
  ]);
  const machines = (direction: "ingress" | "egress"): readonly Rule[] =>
    FAMILIES.flatMap((family) => stateless(rules, family, "machines", direction));
  const toMachine = machines("ingress").map(
    ({ matches, verdict }): Rule => ({ matches: [{ kind: "to-this-machine" }, ...matches], verdict }),
  );
  const fromMachine = machines("egress");
  return [
    ...(notracked.length + toMachine.length === 0
      ? []
      : [
          {
            name: "raw_prerouting",
            hook: "raw-prerouting",
            rules: [...notracked, ...toMachine],
          } as const,
        ]),
    ...(notracked.length + fromMachine.length === 0
      ? []
      : [{ name: "raw_output", hook: "raw-output", rules: [...notracked, ...fromMachine] } as const]),
  ];
}
