import { createRulesEngine } from "../firewall/index.ts";
import { createEvaluator, type Decide } from "../kubernetes/index.ts";
import type { PolicyWorld } from "../policy/index.ts";

/** Everything that claims to know what policies mean, by the name that `--engine` takes. */
export const POLICY_ENGINES: Readonly<Record<string, (world: PolicyWorld) => Decide>> = {
  evaluator: createEvaluator,
  rules: createRulesEngine,
};
