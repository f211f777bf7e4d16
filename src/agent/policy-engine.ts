import { PolicyRules } from "../firewall/index.ts";
import { type Exception, type Network, type Policy, type Relocation, RomanaError } from "../model/index.ts";
import { type Identities, type ModelChange, PolicyCompiler, type RuleModel } from "../rules/index.ts";

/** What the rules of policies follow from. */
export interface PolicyKnowledge extends Identities {
  readonly networks: readonly Network[];
  readonly policies: readonly Policy[];
  readonly exceptions: readonly Exception[];
  readonly relocations?: readonly Relocation[];
}

/** What was compiled last, and from what. */
interface Compiled {
  readonly compiler: PolicyCompiler;
  readonly rules: PolicyRules;
  readonly known: PolicyKnowledge;
  /** Made when it is asked for: only one of two firewalls does. */
  model?: RuleModel;
}

/** Keeps the rules of all policies, working only on what has changed since the last time. */
export class PolicyEngine {
  #compiled: Compiled | undefined;
  /** What could not be compiled, and why. */
  #refused: { readonly known: PolicyKnowledge; readonly error: RomanaError } | undefined;

  /** The last rules that could be compiled; undefined without policies. */
  get lastGood(): PolicyRules | undefined {
    return this.#compiled?.rules;
  }

  /** The same as {@link lastGood}, as the compiler made it; the same object until it changes. */
  model(): RuleModel | undefined {
    const compiled = this.#compiled;
    if (compiled === undefined) return undefined;
    compiled.model ??= compiled.compiler.model();
    return compiled.model;
  }

  /**
   * The rules as they follow from what is known: the same object as the last time, with its sets changed, as long as
   * that is enough. Undefined while there are neither policies nor exceptions.
   * @throws RomanaError `internal` when policies cannot be compiled. It names the policy where it is one alone. What was
   * handed out before may then be changed half-way; {@link lastGood} is right.
   */
  update(live: PolicyKnowledge): PolicyRules | undefined {
    const known = copyOf(live);
    if (this.#refused !== undefined && isSameKnowledge(this.#refused.known, known)) throw this.#refused.error;
    this.#refused = undefined;
    if (known.policies.length === 0 && known.exceptions.length === 0) {
      this.#compiled = undefined;
      return undefined;
    }
    const before = this.#compiled;
    try {
      this.#compiled = before === undefined ? compileAll(known) : advance(before, known);
    } catch (error) {
      if (before !== undefined) this.#compiled = compileAll(before.known);
      this.#refused = { known, error: explain(error, known) };
      throw this.#refused.error;
    }
    return this.#compiled.rules;
  }
}

/** The failure with the name of the policy that causes it, if it does so alone. */
function explain(cause: unknown, known: PolicyKnowledge): RomanaError {
  const culprit = findCulprit(known);
  const what = culprit === undefined ? "policies" : `policy "${culprit.policy.id}"`;
  const error = culprit?.error ?? cause;
  const reason = error instanceof Error ? error.message : String(error);
  return new RomanaError(
    `Cannot compile ${what}: ${reason}; the last good rules stay`,
    { code: "internal" },
    { cause: error },
  );
}

function findCulprit(
  known: PolicyKnowledge,
): { readonly policy: Policy; readonly error: unknown } | undefined {
  const compiler = new PolicyCompiler(known);
  for (const policy of known.policies) {
    try {
      compiler.change([policy]);
      new PolicyRules(known.networks, compiler.model());
      compiler.change([], [policy.id]);
    } catch (error) {
      return { policy, error };
    }
  }
  return undefined;
}

function compileAll(known: PolicyKnowledge): Compiled {
  const compiler = new PolicyCompiler(known);
  compiler.change(known.policies);
  return { compiler, known, rules: new PolicyRules(known.networks, compiler.model()) };
}

function advance(compiled: Compiled, known: PolicyKnowledge): Compiled {
  const { compiler, rules, known: before } = compiled;
  const changes: ModelChange[] = [];
  if (!isSameIdentities(before, known)) changes.push(compiler.identify(known));
  const there = new Map(before.policies.map((policy) => [policy.id, policy]));
  const ids = new Set(known.policies.map(({ id }) => id));
  const put = known.policies.filter((policy) => there.get(policy.id) !== policy);
  const removed = [...there.keys()].filter((id) => !ids.has(id));
  if (put.length + removed.length > 0) changes.push(compiler.change(put, removed));
  if (changes.length === 0 && isSame(before.networks, known.networks)) return { ...compiled, known };
  const isEnough = isSame(before.networks, known.networks) && changes.every((change) => rules.change(change));
  return {
    compiler,
    known,
    rules: isEnough ? rules : new PolicyRules(known.networks, compiler.model()),
  };
}

/** What is known now; what is given may change later. */
export function copyOf(known: PolicyKnowledge): PolicyKnowledge {
  const { networks, hosts, tenants, segments, policies, exceptions, relocations = [] } = known;
  return { networks, hosts, tenants, segments, policies, exceptions, relocations };
}

/** True when rules follow from both alike, without a look inside. */
export function isSameKnowledge(a: PolicyKnowledge, b: PolicyKnowledge): boolean {
  return (
    isSame(a.networks, b.networks) &&
    isSame(a.policies, b.policies) &&
    isSameIdentities(a, b) &&
    isSame(a.relocations ?? [], b.relocations ?? [])
  );
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
  return a === b || (a.length === b.length && a.every((item, index) => item === b[index]));
}
