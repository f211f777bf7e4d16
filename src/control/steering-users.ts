import type { Chain, Service } from "../model/index.ts";
import type { Write } from "../store/index.ts";
import { decodeChainRecord } from "./chain-record.ts";
import type { Context } from "./context.ts";
import { chainKey, PREFIX } from "./keys.ts";
import type { DeletedObject } from "./listing.ts";
import { releaseWrites } from "./service-addresses.ts";
import { decodeServiceRecord } from "./service-record.ts";
import { commit, LOST, remove, unchanged, untilSettled } from "./settle.ts";
import { allRecords, findRecord } from "./stored.ts";

/** A network, a tenant, or a segment of one, that goes. */
export interface Needed {
  readonly network?: string;
  readonly tenant?: string;
  readonly segment?: string;
}

/** What goes, with the services that go with it. */
interface Going extends Needed {
  readonly services: ReadonlySet<string>;
}

/** One kind of object that steers flows, and what it needs to be there. */
interface Source<T extends { readonly name: string }> {
  readonly noun: DeletedObject["noun"];
  readonly prefix: string;
  decode(text: string): T;
  needs(object: T, going: Going): boolean;
  /** What deletes it. */
  writes(context: Context, object: T): readonly Write[];
}

const CHAINS: Source<Chain> = {
  noun: "chain",
  prefix: PREFIX.chain,
  decode: decodeChainRecord,
  needs: (chain, going) =>
    isOfNetwork(chain, going) &&
    ((going.tenant === undefined && going.segment === undefined) ||
      [chain.from, chain.to, ...chain.through].some(
        (part) =>
          ("tenant" in part && isOfTenant(part, going)) ||
          ("service" in part && going.services.has(part.service)),
      )),
  writes: (_, { name }) => [remove(chainKey(name))],
};

const SERVICES: Source<Service> = {
  noun: "service",
  prefix: PREFIX.service,
  decode: decodeServiceRecord,
  needs: (service, needed) => isOfNetwork(service, needed) && isOfTenant(service, needed),
  writes: releaseWrites,
};

/** In the order in which a cascade deletes them. */
const SOURCES: readonly Source<Chain | Service>[] = [CHAINS, SERVICES];

/** The chains and services that need it, as a delete names them. */
export async function* steeringUsers(
  context: Context,
  needed: Needed,
): AsyncGenerator<DeletedObject, void, void> {
  const going = await goingWith(context, needed);
  for (const source of SOURCES) yield* usersIn(context, source, going);
}

/** Deletes the chains and services that need it. What they need must be marked, so that no new ones come. */
export async function sweepSteering(
  context: Context,
  needed: Needed,
  note: (object: DeletedObject) => void,
): Promise<void> {
  const going = await goingWith(context, needed);
  for (const source of SOURCES) {
    for await (const user of usersIn(context, source, going)) {
      if (await removeUser(context, source, user.name, going)) note(user);
    }
  }
}

async function goingWith({ store }: Context, needed: Needed): Promise<Going> {
  const services = await allRecords(store, PREFIX.service, decodeServiceRecord);
  const own = services.filter(({ record }) => isOfNetwork(record, needed) && isOfTenant(record, needed));
  return { ...needed, services: new Set(own.map(({ record }) => record.name)) };
}

async function* usersIn(
  { store }: Context,
  source: Source<Chain | Service>,
  going: Going,
): AsyncGenerator<DeletedObject, void, void> {
  const records = await allRecords(store, source.prefix, (text) => source.decode(text));
  for (const { record } of records) {
    if (source.needs(record, going)) yield { noun: source.noun, name: record.name };
  }
}

/** False when it needs something else by now. */
async function removeUser(
  context: Context,
  source: Source<Chain | Service>,
  name: string,
  going: Going,
): Promise<boolean> {
  const { noun, prefix } = source;
  const key = prefix + name;
  return await untilSettled(`delete ${noun} "${name}"`, async () => {
    const found = await findRecord(context.store, noun, name, key, (text) => source.decode(text));
    if (found === undefined || !source.needs(found.record, going)) return false;
    const done = await commit(
      context,
      [unchanged(key, found.revision)],
      source.writes(context, found.record),
    );
    return done === LOST ? LOST : true;
  });
}

function isOfNetwork({ network }: { readonly network: string }, needed: Needed): boolean {
  return needed.network === undefined || needed.network === network;
}

/** True when the part is of the tenant that goes and, if a segment goes, is that or all of the tenant. */
function isOfTenant(part: { readonly tenant: string; readonly segment?: string }, needed: Needed): boolean {
  if (needed.tenant !== undefined && needed.tenant !== part.tenant) return false;
  return needed.segment === undefined || needed.segment === part.segment;
}
