import type { Directory, KnownException } from "./directory.ts";
import { type KeyedParty, tenantParty } from "./party.ts";
import type { Party, RuleEntry } from "./rule-model.ts";

/** Blocks of exceptions whose tenants are isolated, or not known. */
export function isolatedExceptions(directory: Directory): readonly Party[] {
  return directory
    .exceptions()
    .filter(({ tenant }) => directory.tenants.get(tenant)?.isolation !== "none")
    .flatMap(({ parties }) => parties.map(({ party }) => party));
}

/** Who may reach an exception, and whom it may reach, by the isolation of the tenant alone. */
export function exceptionDefaults(directory: Directory): readonly RuleEntry[] {
  const groups = new Map<string, { members: KnownException[]; identities: readonly KeyedParty[] }>();
  for (const exception of directory.exceptions()) {
    const tenant = directory.tenants.get(exception.tenant);
    if (tenant === undefined || tenant.isolation === "none") continue;
    const isWhole = tenant.isolation === "tenant";
    const key = isWhole ? exception.tenant : `${exception.tenant}/${exception.segment}`;
    const identities = isWhole
      ? [tenantParty(tenant.id)]
      : directory.codesOf(exception.tenant, exception.segment);
    if (identities === undefined) continue;
    const group = groups.get(key) ?? { members: [], identities };
    group.members.push(exception);
    groups.set(key, group);
  }
  return [...groups.values()].flatMap(({ members, identities }) => {
    const blocks = members.flatMap(({ parties }) => parties);
    return [
      ...pairs(blocks, identities),
      ...pairs(identities, blocks),
      ...pairs(blocks, blocks).filter(({ subject, peer }) => haveOneFamily(subject, peer)),
    ];
  });
}

function pairs(subjects: readonly KeyedParty[], peers: readonly KeyedParty[]): RuleEntry[] {
  return subjects.flatMap((subject) =>
    peers.map((peer) => ({
      subject: subject.party,
      peer: peer.party,
      traffic: {},
      stateful: true,
      by: [],
    })),
  );
}

function haveOneFamily(a: Party, b: Party): boolean {
  return a.kind === "block" && b.kind === "block" && a.block.family === b.block.family;
}
