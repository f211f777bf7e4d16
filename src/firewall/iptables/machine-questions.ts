import type { Direction } from "../../model/index.ts";
import { invalidInput } from "../../model/index.ts";
import type { Family } from "../../net/index.ts";
import type { Party } from "../../rules/index.ts";
import { dropChain } from "./drop-chains.ts";
import type { Base, Ends } from "./endpoint-questions.ts";
import { goText, type IptablesInput, ruleEnding } from "./input.ts";
import { peerMatches, prefixPattern } from "./pattern.ts";
import { isolationRules, type Question, type SubjectMatch } from "./tier-chains.ts";

/** Device names that iptables takes as they are; `+` at the end would be a pattern. */
const INTERFACE = /^[A-Za-z0-9_.@][A-Za-z0-9_.@-]{0,14}$/;

/**
 * May this machine exchange this with others (`MACH`), or with its own endpoints (`HOST`)? Targets `host` only count
 * with own endpoints.
 */
export function machineQuestion(
  input: IptablesInput,
  base: Base,
  ends: Ends,
  { direction, isOwnEndpoint }: { readonly direction: Direction; readonly isOwnEndpoint: boolean },
): Question {
  const rules = input.rules.machines[direction];
  const question = {
    ...base,
    ...ends,
    name: `${isOwnEndpoint ? "HOST" : "MACH"}-${direction === "ingress" ? "IN" : "OUT"}`,
    direction,
    rules,
    asksFor: ["peer"] as const,
    subjects: (party: Party): readonly SubjectMatch[] =>
      party.kind === "host" && isOwnEndpoint
        ? [{ match: undefined }]
        : machineMatches(base.family, direction, party),
    peers: (party: Party, sides: { readonly peer: "identity" | "exception" }) =>
      peerMatches(input, base.family, sides.peer, party),
  };
  // Behind an own endpoint's way in stand the gateway services, and then all is dropped anyway.
  const isolated = isOwnEndpoint && direction === "ingress" ? ends.otherwise : dropChain("not-allowed");
  return {
    ...question,
    behindStandard: (sides) =>
      isolationRules(question, sides, rules.isolated).map((rule) => ruleEnding(rule, goText(isolated))),
  };
}

/** True when policies say anything of machines in this direction. */
export function saysOfMachines({ rules }: IptablesInput, direction: Direction): boolean {
  const { tiers, isolated } = rules.machines[direction];
  return isolated.length > 0 || Object.values(tiers).some((layers) => layers.length > 0);
}

/**
 * The ways in which this machine is the party: each interface with each address.
 * @throws RomanaError `invalid-input` when iptables would take an interface's name for something else.
 */
function machineMatches(family: Family, direction: Direction, party: Party): readonly SubjectMatch[] {
  if (party.kind !== "machine") return [];
  const { interfaces, addresses } = party;
  const own = addresses?.filter((prefix) => prefix.family === family);
  const matches = own?.map((prefix) => (prefix.length === 0 ? undefined : prefixPattern(prefix)));
  const flag = direction === "ingress" ? "-i" : "-o";
  return (matches ?? [undefined]).flatMap((match) =>
    (interfaces?.map((name) => `${flag} ${interfaceName(name)}`) ?? [""]).map((extra) => ({ match, extra })),
  );
}

/** The name, as both iptables and ipset take it. @throws RomanaError `invalid-input` when they would not. */
export function interfaceName(name: string): string {
  if (INTERFACE.test(name)) return name;
  const reason = "must be 1 to 15 letters, digits, _ . @ or -, and not begin with -";
  throw invalidInput(`render interface "${name}" for iptables`, [{ path: "interfaces", reason }]);
}
