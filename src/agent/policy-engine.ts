import { PolicyRules } from "../firewall/index.ts";
import { type Exception, type Network, type Policy, RomanaError } from "../model/index.ts";
import { type Identities, type ModelChange, PolicyCompiler } from "../rules/index.ts";

/** What the rules of policies follow from. */
export interface PolicyKnowledge extends Identities {
  readonly networks: readonly Network[];
  readonly policies: readonly Policy[];
  readonly exceptions: readonly Exception[];
}

/** What was compiled last, and from what. */
interface Compiled {
  readonly compiler: PolicyCompiler;
  readonly rules: PolicyRules;
  readonly known: PolicyKnowledge;
}

/** Keeps the rules of all policies, working only on what has changed since the last time. */
export class PolicyEngine {
  #compiled: Compiled | undefined;

  /**
   * The rules as they follow from what is known: the same object as the last time, with its sets changed, as long as
   * that is enough. Undefined while there are neither policies nor exceptions.
   * @throws RomanaError `internal` when policies cannot be compiled; what was handed out before stays right.
   */
  update(known: PolicyKnowledge): PolicyRules | undefined {
    if (known.policies.length === 0 && known.exceptions.length === 0) {
      this.#compiled = undefined;
      return undefined;
    }
    const before = this.#compiled;
    this.#compiled = undefined;
    try {
      this.#compiled = before === undefined ? compileAll(known) : advance(before, known);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new RomanaError(
        `Cannot compile policies: ${reason}; the last good rules stay`,
        { code: "internal" },
        { cause: error },
      );
    }
    return this.#compiled.rules;
  }
}

function compileAll(known: PolicyKnowledge): Compiled {
  const compiler = new PolicyCompiler(known);
  compiler.change(known.policies);
  return { compiler, known, rules: new PolicyRules(known.networks, compiler.model()) };
}

function advance({ compiler, rules, known: before }: Compiled, known: PolicyKnowledge): Compiled {
  const changes: ModelChange[] = [];
  if (!isSameIdentities(before, known)) changes.push(compiler.identify(known));
  const there = new Map(before.policies.map((policy) => [policy.id, policy]));
  const ids = new Set(known.policies.map(({ id }) => id));
  const put = known.policies.filter((policy) => there.get(policy.id) !== policy);
  const removed = [...there.keys()].filter((id) => !ids.has(id));
  if (put.length + removed.length > 0) changes.push(compiler.change(put, removed));
  const isEnough = isSame(before.networks, known.networks) && changes.every((change) => rules.change(change));
  return {
    compiler,
    known,
    rules: isEnough ? rules : new PolicyRules(known.networks, compiler.model()),
  };
}

function isSameIdentities(a: Identities, b: Identities): boolean {
  return (
    isSame(a.tenants, b.tenants) &&
    isSame(a.segments, b.segments) &&
    isSame(a.hosts, b.hosts) &&
    isSame(a.exceptions, b.exceptions)
  );
}

function isSame(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}
