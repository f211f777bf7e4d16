import {
  type Backend,
  type Chain,
  type Service,
  type ServicePort,
  serviceAddresses,
} from "../model/index.ts";
import { type Address, isSameAddress } from "../net/index.ts";
import {
  type ChainWorld,
  chainTarget,
  type Flow,
  type Passage,
  PROTOCOL,
  passageOf,
} from "../policy/index.ts";
import type { WhySource, WhyWorld } from "./why-source.ts";

/** What becomes of a flow to the address of a service. */
export interface ServedFlow {
  readonly service: Service;
  /** Undefined when the service has no such port: the flow is refused. */
  readonly port: ServicePort | undefined;
  /** Where the flow may go; none: it is refused. */
  readonly flows: readonly Flow[];
}

/** A function that packets pass. */
export interface PassedFunction {
  readonly tenant: string;
  readonly segment: string;
  readonly fail: "open" | "closed";
  /** How many of its endpoints with an address of the family are healthy. */
  readonly healthy: number;
}

/** A chain that packets pass. */
export interface PassedChain {
  readonly name: string;
  readonly way: Passage["way"];
  /** In the order in which packets meet them. */
  readonly functions: readonly PassedFunction[];
  /** The segment that it leads to. */
  readonly to: string;
}

/** What a flow to a service becomes; undefined when its destination is no address of a service. */
export async function serveFlow(source: WhySource, flow: Flow): Promise<ServedFlow | undefined> {
  const { services } = source.world;
  const service = services.find((one) =>
    serviceAddresses(one).some((address) => isSameAddress(address, flow.destination)),
  );
  if (service === undefined) return undefined;
  const port = service.ports.find(
    (one) => PROTOCOL[one.protocol] === flow.protocol && one.port === flow.port,
  );
  const target = port && targetPortOf(source.world, service, port);
  if (target === undefined) return { service, port, flows: [] };
  const backends = await source.findBackends(service);
  const flows = backends.flatMap((backend): Flow[] => {
    const destination = addressOf(backend, flow.destination);
    return destination === undefined ? [] : [{ ...flow, destination, port: target }];
  });
  return { service, port, flows };
}

/** The chain that packets of a flow pass on the way there, or back. */
export async function passedChain(
  source: WhySource,
  from: Address,
  to: Address,
): Promise<PassedChain | undefined> {
  const { world } = source;
  const passage = passageOf(world, world.chains, from, to);
  if (passage === undefined) return undefined;
  const { chain, way } = passage;
  const functions = await Promise.all(chain.through.map((step) => passedFunction(source, chain, step, to)));
  const target = chainTarget(world.services, chain);
  return {
    name: chain.name,
    way,
    functions: way === "forward" ? functions : functions.toReversed(),
    to: `${target?.tenant}/${target?.segment}`,
  };
}

/** True when packets of the chain are dropped, as a function that fails closed has no healthy endpoint. */
export function isCut({ functions }: PassedChain): boolean {
  return functions.some(({ fail, healthy }) => fail === "closed" && healthy === 0);
}

async function passedFunction(
  source: WhySource,
  { network }: Chain,
  { tenant, segment, fail }: Chain["through"][number],
  like: Address,
): Promise<PassedFunction> {
  const backends = await source.findBackends({ network, tenant, segment });
  return {
    tenant,
    segment,
    fail,
    healthy: backends.filter((backend) => addressOf(backend, like) !== undefined).length,
  };
}

function targetPortOf(
  { segments }: WhyWorld & ChainWorld,
  { tenant, segment }: Service,
  { port, protocol, targetPort = port }: ServicePort,
): number | undefined {
  if (typeof targetPort === "number") return targetPort;
  const named = segments.find((one) => one.tenant === tenant && one.name === segment)?.ports;
  return named?.find((one) => one.name === targetPort && one.protocol === PROTOCOL[protocol])?.port;
}

function addressOf({ addresses }: Backend, { family }: Address): Address | undefined {
  return addresses[`ipv${family}`];
}
