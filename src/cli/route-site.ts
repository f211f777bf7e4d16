import type { Client } from "../client/index.ts";
import {
  createFabricRouting,
  createHostRouting,
  type DeviceRouting,
  type FabricRouting,
  fabricFaults,
  rackFaults,
  withRelocations,
} from "../fabric/index.ts";
import { type Fabric, type Host, invalidInput, type Network, type Relocation } from "../model/index.ts";
import { relocationsOf } from "../policy/index.ts";
import { type ClusterState, decodeFabric } from "../schema/index.ts";
import type { Context, Input, Option } from "./command.ts";
import { readDocument, withoutRevision } from "./documents.ts";
import { wrongInput } from "./input.ts";
import { listAll } from "./resource.ts";
import { readState, STATE_OPTION } from "./state-source.ts";
import { sourceOfRomanad, sourceOfState, type WhySource } from "./why-source.ts";

/** The fabric around the hosts. */
const FABRIC_OPTION: Option = {
  name: "fabric",
  value: "FILE",
  summary: "The fabric around the hosts, in place of the one that is stored",
  complete: "file",
};

/** Where the commands about routes of devices look. */
export const SITE_OPTIONS: readonly Option[] = [FABRIC_OPTION, STATE_OPTION];

/** What routes are derived from. */
export interface RouteSite {
  readonly networks: readonly Network[];
  readonly hosts: readonly Host[];
  /** Endpoints that are on other hosts than their addresses say. */
  readonly relocations: readonly Relocation[];
  readonly fabric?: Fabric;
}

/** The site that the options name. @throws RomanaError `invalid-input` with every fault of the files. */
export async function siteOf(input: Input, context: Context): Promise<RouteSite> {
  const file = input.text(FABRIC_OPTION.name);
  const state = input.text(STATE_OPTION.name);
  const known = state === undefined ? await readSite(await context.client()) : readState(state);
  const { networks, hosts } = known;
  const relocations = relocationsOf(networks, known.endpoints);
  const fabric = file === undefined ? onlyFabric(known.fabrics) : readFabric(file, networks);
  return { networks, hosts, relocations, ...(fabric && { fabric }) };
}

/** Where endpoints are looked up: in the same place as the site. */
export async function endpointsOf(input: Input, context: Context): Promise<WhySource> {
  const state = input.text(STATE_OPTION.name);
  return state === undefined
    ? await sourceOfRomanad(await context.client())
    : sourceOfState(readState(state));
}

/** The fabric of a file, checked against the networks. @throws RomanaError `invalid-input` with every fault. */
export function readFabric(file: string, networks: readonly Network[]): Fabric {
  const fabric = decodeFabric(withoutRevision(readDocument(file)));
  const faults = [...fabricFaults(fabric), ...rackFaults(fabric, networks)];
  if (faults.length > 0) throw invalidInput(`use fabric "${fabric.name}"`, faults);
  return fabric;
}

/** The routes of all devices of a site. */
export function routingOf(site: RouteSite): DeviceRouting | FabricRouting {
  const { networks, hosts, relocations, fabric } = site;
  const routing =
    fabric === undefined ? createHostRouting(networks, hosts) : createFabricRouting(fabric, networks, hosts);
  return withRelocations(routing, networks, hosts, relocations);
}

/** True when the routing knows a fabric. */
export function isFabric(routing: DeviceRouting | FabricRouting): routing is FabricRouting {
  return "fabric" in routing;
}

async function readSite(
  client: Client,
): Promise<Pick<ClusterState, "networks" | "hosts" | "endpoints" | "fabrics">> {
  return {
    networks: await listAll((query) => client.call("listNetworks", { query })),
    hosts: await listAll((query) => client.call("listHosts", { query })),
    endpoints: await listAll((query) =>
      client.call("listEndpoints", { query: { ...query, relocated: true } }),
    ),
    fabrics: await listAll((query) => client.call("listFabrics", { query })),
  };
}

function onlyFabric(fabrics: readonly Fabric[]): Fabric | undefined {
  const [only, ...others] = fabrics;
  if (others.length === 0) return only;
  const names = fabrics.map(({ name }) => name).join(", ");
  throw wrongInput("--fabric", `is missing: there are several, ${names} (romana fabric show NAME -o yaml)`);
}
