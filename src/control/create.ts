import { RomanaError } from "../model/index.ts";
import { BackendKeeper } from "./backend-keeper.ts";
import { createBackends } from "./backends.ts";
import { Catalog } from "./catalog.ts";
import { createChains } from "./chains.ts";
import { type Context, createInTurn } from "./context.ts";
import type { Control } from "./control.ts";
import { createEndpoints } from "./endpoints.ts";
import { createExceptions } from "./exceptions.ts";
import { createFabrics } from "./fabrics.ts";
import { Feed } from "./feed.ts";
import { takeHeartbeat } from "./heartbeat-intake.ts";
import { createHosts } from "./hosts.ts";
import { Hub } from "./hub.ts";
import { createIpam } from "./ipam.ts";
import { createNetworks } from "./networks.ts";
import type { Clock, ControlOptions } from "./options.ts";
import { Places } from "./places.ts";
import { createPolicies } from "./policies.ts";
import { rollBack, TrialKeeper } from "./policy-trials.ts";
import { createRelocations } from "./relocations.ts";
import { createRoutes } from "./route-lists.ts";
import { createSegments } from "./segments.ts";
import { createServices } from "./services.ts";
import { createStatuses } from "./statuses.ts";
import { createTenants } from "./tenants.ts";
import { viewHost } from "./view.ts";
import { VirtualIpKeeper } from "./virtual-ip-keeper.ts";
import { createVirtualIps } from "./virtual-ips.ts";
import { createWorkloads } from "./workloads.ts";

/** How long a freed endpoint ID rests when nobody says, in milliseconds. */
const DEFAULT_COOL_DOWN = 60_000;
const DEFAULT_CACHED_IDS = 4_000_000;
/** Host routes that a network bears without being noticed. */
const DEFAULT_MAX_RELOCATIONS = 1_000;

const SYSTEM_CLOCK: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(milliseconds, run) {
    const timer = setTimeout(run, milliseconds);
    return () => clearTimeout(timer);
  },
};

/**
 * Romanad's use cases on a store. Reads what it needs to know of it and follows it from then on.
 * @throws RomanaError `unavailable` when the store cannot be read.
 */
export async function createControl(options: ControlOptions): Promise<Control> {
  const {
    store,
    clock = SYSTEM_CLOCK,
    coolDown = DEFAULT_COOL_DOWN,
    cachedIds = DEFAULT_CACHED_IDS,
    maxRelocations = DEFAULT_MAX_RELOCATIONS,
  } = options;
  const catalog = new Catalog();
  const places = new Places(store, cachedIds);
  const hub = new Hub(store, catalog);
  const trials = new TrialKeeper({
    clock,
    async rollBack(id) {
      const trial = await rollBack(context, id);
      if (trial !== undefined) options.onRollBack?.(trial);
    },
    onTrouble: (error) => options.onTrouble?.(error),
  });
  const virtualIps = new VirtualIpKeeper({
    clock,
    context: () => context,
    onMove: (move) => options.onMove?.(move),
    onTrouble: (error) => options.onTrouble?.(error),
  });
  const backends = new BackendKeeper({
    clock,
    context: () => context,
    onTrouble: (error) => options.onTrouble?.(error),
  });
  const feed = new Feed(store, clock, [catalog, places, trials, virtualIps, backends], {
    onBatch: (batch) => hub.publish(batch),
    onLost: (error) => hub.fail(error),
    onTrouble: (error) => options.onTrouble?.(error),
  });
  const context: Context = {
    store,
    feed,
    catalog,
    places,
    now: () => clock.now(),
    coolDown,
    maxRelocations,
    inTurn: createInTurn(),
    underWay: new Set(),
  };
  await feed.start();
  return {
    networks: createNetworks(context),
    hosts: createHosts(context),
    tenants: createTenants(context),
    segments: createSegments(context),
    endpoints: createEndpoints(context),
    workloads: createWorkloads(context),
    virtualIps: createVirtualIps(context, virtualIps),
    services: createServices(context, (service) => backends.countEndpoints(service)),
    chains: createChains(context),
    fabrics: createFabrics(context),
    backends: createBackends(context, () => backends.summary()),
    policies: createPolicies(context),
    exceptions: createExceptions(context),
    relocations: createRelocations(context),
    ipam: createIpam(context),
    routes: createRoutes(context),
    status: createStatuses(context),
    beat: (host, heartbeat) => takeHeartbeat(host, heartbeat, virtualIps, backends),
    revision: () => store.revision(),
    view: (host) => viewHost(context, host),
    watch: (watchOptions) => hub.watch(watchOptions, () => feed.revision),
    async close() {
      trials.clear();
      virtualIps.close();
      backends.close();
      await feed.close();
      hub.fail(new RomanaError("Cannot go on with the watch: romanad is stopping", { code: "unavailable" }));
    },
  };
}
