import type {
  Direction,
  EndpointSelector,
  Policy,
  PolicyPeer,
  PolicyRule,
  PolicyTarget,
  PolicyVerdict,
  TrafficMatch,
} from "../model/index.ts";
import { type Prefix, prefixContainsPrefix, prefixOf } from "../net/index.ts";
import type { Directory } from "./directory.ts";
import { ANY, HOST, type KeyedParty, LOCAL, machineParty, prefixParty } from "./party.ts";
import type { RuleEntry } from "./rule-model.ts";

/** Whose traffic a rule is about: that of endpoints, or that of machines. */
export type Scope = "endpoints" | "machines";

/** One combination that a rule names. */
export interface FragmentEntry {
  readonly subject: KeyedParty;
  readonly peer: KeyedParty;
  readonly traffic: RuleEntry["traffic"];
}

/** What one rule of a policy comes to. */
export interface RuleFragment {
  /** Position in the policy's rules. */
  readonly rule: number;
  readonly direction: Direction;
  readonly verdict: PolicyVerdict;
  readonly stateful: boolean;
  readonly scope: Scope;
  readonly entries: readonly FragmentEntry[];
}

/** What one policy comes to, given who exists. */
export interface Fragment {
  readonly rules: readonly RuleFragment[];
  readonly isolated: readonly {
    readonly direction: Direction;
    readonly scope: Scope;
    readonly subject: KeyedParty;
  }[];
}

const SCOPES: readonly Scope[] = ["endpoints", "machines"];

/** The scopes that a policy has targets in. */
export function scopesOf({ appliedTo }: Policy): readonly Scope[] {
  return SCOPES.filter((scope) => appliedTo.some((target) => scopeOf(target) === scope));
}

/** Resolves a policy's selectors. Who is not known is in nothing. */
export function createFragment(directory: Directory, policy: Policy): Fragment {
  const used = scopesOf(policy);
  const targets = new Map(
    used.map((scope) => [scope, policy.appliedTo.filter((target) => scopeOf(target) === scope)]),
  );
  const rules = policy.rules.flatMap((rule, index) =>
    used.map((scope): RuleFragment => {
      const { direction, verdict, stateful } = rule;
      const entries = entriesOf(directory, targets.get(scope) ?? [], rule);
      return { rule: index, direction, verdict, stateful, scope, entries };
    }),
  );
  const isolated = policy.isolates.flatMap((direction) =>
    used.flatMap((scope) =>
      subjectsOf(directory, targets.get(scope) ?? []).map((subject) => ({ direction, scope, subject })),
    ),
  );
  return { rules, isolated };
}

function scopeOf({ kind }: PolicyTarget): Scope {
  return kind === "host" || kind === "machine" ? "machines" : "endpoints";
}

function entriesOf(
  directory: Directory,
  targets: readonly PolicyTarget[],
  { peers, traffic, direction }: PolicyRule,
): readonly FragmentEntry[] {
  const entries: FragmentEntry[] = [];
  const plain = traffic.filter(({ portName }) => portName === undefined).map(withoutName);
  if (plain.length > 0) {
    const subjects = subjectsOf(directory, targets);
    for (const peer of peers.flatMap((peer) => peersOf(directory, peer))) {
      for (const subject of subjects)
        for (const kind of plain) entries.push({ subject, peer, traffic: kind });
    }
  }
  for (const { family, protocol, portName } of traffic) {
    if (portName === undefined || protocol === undefined) continue;
    const destinations = direction === "ingress" ? targets : peers;
    const sources =
      direction === "ingress"
        ? peers.flatMap((peer) => peersOf(directory, peer))
        : subjectsOf(directory, targets);
    for (const { holder, port } of destinations.flatMap((party) =>
      holders(directory, party, portName, protocol),
    )) {
      const named = { ...(family && { family }), protocol, ports: { first: port, last: port } };
      for (const source of sources) {
        entries.push(
          direction === "ingress"
            ? { subject: holder, peer: source, traffic: named }
            : { subject: source, peer: holder, traffic: named },
        );
      }
    }
  }
  return entries;
}

function withoutName({ family, protocol, ports, icmp }: TrafficMatch): RuleEntry["traffic"] {
  return {
    ...(family && { family }),
    ...(protocol !== undefined && { protocol }),
    ...(ports && { ports }),
    ...(icmp && { icmp }),
  };
}

const EVERYBODY: EndpointSelector = { kind: "endpoints" };

/** A name is looked up in segments, so the destination must be one; a bare prefix has no names. */
function holders(
  directory: Directory,
  party: PolicyTarget | PolicyPeer,
  name: string,
  protocol: number,
): ReturnType<Directory["withPort"]> {
  switch (party.kind) {
    case "endpoints":
      return directory.withPort(party, name, protocol);
    case "any":
    case "local":
      return directory.withPort(EVERYBODY, name, protocol);
    default:
      return [];
  }
}

function subjectsOf(directory: Directory, targets: readonly PolicyTarget[]): readonly KeyedParty[] {
  return targets.length === 1 && targets[0] !== undefined
    ? targetParties(directory, targets[0])
    : distinct(targets.flatMap((target) => targetParties(directory, target)));
}

function targetParties(directory: Directory, target: PolicyTarget): readonly KeyedParty[] {
  switch (target.kind) {
    case "endpoints":
      return directory.select(target);
    case "prefix":
      return [prefixParty(target.prefix)];
    case "host":
      return [HOST];
    case "machine":
      return [machineParty(target.interfaces, target.addresses)];
  }
}

function peersOf(directory: Directory, peer: PolicyPeer): readonly KeyedParty[] {
  switch (peer.kind) {
    case "any":
      return [ANY];
    case "local":
      return [LOCAL, ...directory.exceptions().flatMap(({ parties }) => parties)];
    case "host":
      return [HOST];
    case "hosts":
      return directory.hosts(peer.requirements);
    case "prefix":
      return subtract(peer.prefix, peer.except).map(prefixParty);
    case "endpoints":
      return directory.select(peer);
  }
}

/** What is left of a prefix, as prefixes. */
export function subtract(prefix: Prefix, except: readonly Prefix[]): readonly Prefix[] {
  if (except.some((hole) => prefixContainsPrefix(hole, prefix))) return [];
  const holes = except.filter((hole) => prefixContainsPrefix(prefix, hole));
  if (holes.length === 0) return [prefix];
  const length = prefix.length + 1;
  const { family, value } = prefix;
  const upper = value | (1n << BigInt((family === 4 ? 32 : 128) - length));
  return [value, upper].flatMap((half) => subtract(prefixOf({ family, value: half }, length), holes));
}

function distinct(parties: readonly KeyedParty[]): readonly KeyedParty[] {
  return [...new Map(parties.map((party) => [party.key, party])).values()];
}
