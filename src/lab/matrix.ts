import { gatewayAddress, hostPosition } from "../addressing/index.ts";
import { type Endpoint, type Host, plansOf } from "../model/index.ts";
import type { Address, Family } from "../net/index.ts";
import { expectReachable, type Judgement, type Party, type Traffic } from "../policy/index.ts";
import { isAsExpected, type Outcome, type Probe, type Protocol, type Station } from "./probe.ts";
import type { LabWorld } from "./world.ts";

/** An endpoint or host of the lab with its station. */
export type Member =
  | { readonly kind: "endpoint"; readonly endpoint: Endpoint; readonly station: Station }
  | { readonly kind: "host"; readonly host: Host; readonly station: Station };

/** What a cell of the matrix is about: names of two members. A host as the target is the endpoint's gateway. */
export interface CellKey {
  readonly from: string;
  readonly to: string;
}

/** A probe of a matrix with its cell. */
export interface MatrixProbe extends Probe {
  readonly cell: CellKey;
}

/** One cell with what came of its probes. */
export interface Cell extends CellKey {
  readonly results: readonly (MatrixProbe & Outcome & { readonly isAsExpected: boolean })[];
  readonly isAsExpected: boolean;
}

const PROTOCOLS = ["tcp", "udp", "icmp"] as const satisfies readonly Protocol[];

/**
 * All probes of a lab: every endpoint to every other one, every host to its own endpoints, every endpoint to
 * its gateway (ICMP). What is expected comes from the evaluator of policies, which knows nothing of rules.
 * @param port where TCP and UDP probes go to; policies may speak of it
 */
export function planProbes(
  world: LabWorld,
  members: readonly Member[],
  port: number,
): readonly MatrixProbe[] {
  const endpoints = members.filter((member) => member.kind === "endpoint");
  const hosts = members.filter((member) => member.kind === "host");
  return [
    ...hosts.flatMap((host) =>
      endpoints
        .filter(({ endpoint }) => endpoint.host === host.host.name)
        .flatMap((endpoint) => towardsEndpoint(world, host, endpoint, port)),
    ),
    ...endpoints.flatMap((from) =>
      endpoints.filter((to) => to !== from).flatMap((to) => towardsEndpoint(world, from, to, port)),
    ),
    ...endpoints.flatMap((from) => {
      const host = hosts.find((candidate) => candidate.host.name === from.endpoint.host);
      return host === undefined ? [] : towardsGateway(world, from, host);
    }),
  ];
}

type EndpointMember = Extract<Member, { kind: "endpoint" }>;
type HostMember = Extract<Member, { kind: "host" }>;

function towardsEndpoint(world: LabWorld, from: Member, to: EndpointMember, port: number): MatrixProbe[] {
  const { addresses } = to.endpoint;
  return familiesOf(addresses).flatMap(([family, address]) => {
    const source = partyOf(world, from, to, family);
    if (source === undefined) return [];
    const destination = endpointParty(world, to.endpoint, address);
    return PROTOCOLS.map((protocol) => ({
      cell: cellOf(from, to),
      from: from.station,
      to: to.station,
      protocol,
      address,
      ...(protocol !== "icmp" && { port }),
      expected: expectReachable(world, [], source, destination, trafficOf(protocol, port)),
    }));
  });
}

function towardsGateway(world: LabWorld, from: EndpointMember, to: HostMember): MatrixProbe[] {
  return familiesOf(from.endpoint.addresses).flatMap(([family, own]) => {
    const address = gatewayOf(world, to.host, from.endpoint.network, family);
    if (address === undefined) return [];
    const source = endpointParty(world, from.endpoint, own);
    const destination: Party = { kind: "host", host: to.host, address };
    const expected: Judgement = expectReachable(world, [], source, destination, { kind: "echo-request" });
    const stations = { from: from.station, to: to.station };
    return [{ cell: cellOf(from, to), ...stations, protocol: "icmp" as const, address, expected }];
  });
}

/** Who a member is when it talks to an endpoint; undefined when it has no address of the family there. */
function partyOf(world: LabWorld, from: Member, to: EndpointMember, family: Family): Party | undefined {
  if (from.kind === "endpoint") {
    const address = from.endpoint.addresses[`ipv${family}`];
    return address && endpointParty(world, from.endpoint, address);
  }
  const address = gatewayOf(world, from.host, to.endpoint.network, family);
  return address && { kind: "host", host: from.host, address };
}

/** The host is said, since the address of an exception need not say it. */
function endpointParty(world: LabWorld, endpoint: Endpoint, address: Address): Party {
  const host = world.hosts.find(({ name }) => name === endpoint.host);
  return { kind: "endpoint", address, ...(host && { host }) };
}

function gatewayOf(world: LabWorld, host: Host, networkName: string, family: Family): Address | undefined {
  const network = world.networks.find(({ name }) => name === networkName);
  const plan = network && plansOf(network).find((candidate) => candidate.family === family);
  return network && plan && gatewayAddress(plan, hostPosition(network, host));
}

function familiesOf(addresses: Endpoint["addresses"]): [Family, Address][] {
  const pairs: [Family, Address | undefined][] = [
    [4, addresses.ipv4],
    [6, addresses.ipv6],
  ];
  return pairs.filter((pair): pair is [Family, Address] => pair[1] !== undefined);
}

function trafficOf(protocol: Protocol, port: number): Traffic {
  return protocol === "icmp" ? { kind: "echo-request" } : { kind: protocol, port };
}

function cellOf(from: Member, to: Member): CellKey {
  return { from: from.station.name, to: to.station.name };
}

/** The cells of probes that were run, in the order of the rows, then of the columns. */
export function cellsOf(
  planned: readonly MatrixProbe[],
  results: readonly (MatrixProbe & Outcome)[],
): readonly Cell[] {
  const cells = new Map<string, { key: CellKey; own: (MatrixProbe & Outcome)[] }>();
  const keyText = ({ from, to }: CellKey): string => `${from}\n${to}`;
  for (const { cell } of planned) cells.set(keyText(cell), { key: cell, own: [] });
  for (const result of results) cells.get(keyText(result.cell))?.own.push(result);
  return Array.from(cells.values(), ({ key, own }) => ({
    ...key,
    results: own.map((result) => ({ ...result, isAsExpected: isAsExpected(result) })),
    isAsExpected: own.every(isAsExpected),
  }));
}
