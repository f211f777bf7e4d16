import { exampleWorld } from "../../test/support/example-world.ts";
import { encodeAddress, hostPosition } from "../addressing/index.ts";
import type { AddressPair, Backend, Chain, Host, Network } from "../model/index.ts";
import { parseAddress } from "../net/index.ts";
import type { ChainInput } from "./chain-input.ts";

const WORLD = exampleWorld();

const HOSTS: readonly Host[] = [1, 2, 3].map((id) => ({
  name: `host-${id}`,
  id,
  group: [],
  underlay: { ipv4: parseAddress(`192.168.0.${id}`), ipv6: parseAddress(`fd99::${id}`) },
}));

/** Addresses of an endpoint of the example on a host: of the tenant with this number, in the segment of this code. */
export function addressesOf(host: number, tenant: number, code: number, endpoint: number): AddressPair {
  const [network] = WORLD.networks as readonly [Network];
  const position = hostPosition(network, HOSTS[host - 1] as Host);
  const identity = { ...position, tenant, code: { code, extraBits: 0 }, endpoint };
  const { ipv4, ipv6 } = network.plans;
  return {
    ...(ipv4 && { ipv4: encodeAddress(ipv4, identity) }),
    ...(ipv6 && { ipv6: encodeAddress(ipv6, identity) }),
  };
}

/** A healthy endpoint of segment `beta/db` on a host. */
export function backend(host: number, endpoint: number): Backend {
  return { host: `host-${host}`, addresses: addressesOf(host, 2, 2, endpoint) };
}

/** A chain from `acme/web` to `open/web` through `beta/db`, unless it says otherwise. */
export function chain(changes: Partial<Chain> = {}): Chain {
  return {
    name: "guard",
    network: "default",
    from: { kind: "segment", tenant: "acme", segment: "web" },
    to: { kind: "segment", tenant: "open", segment: "web" },
    through: [{ tenant: "beta", segment: "db", fail: "closed" }],
    direction: "both",
    places: { forward: [1, 2], reverse: [3, 4] },
    ...changes,
  };
}

/** What host 1 of the example knows: one function endpoint is its own, one is on host 2. */
export function chainInput(changes: Partial<ChainInput> = {}): ChainInput {
  return {
    ...WORLD,
    host: HOSTS[0] as Host,
    hosts: HOSTS,
    exceptions: [],
    services: [],
    chains: [chain()],
    backends: [
      { network: "default", tenant: "beta", segment: "db", backends: [backend(1, 1), backend(2, 1)] },
    ],
    endpoints: [{ tenant: "beta", segment: "db", addresses: addressesOf(1, 2, 2, 1), device: "rom1" }],
    underlayDevices: ["eth0"],
    hostMacs: [],
    unreachable: new Set(),
    hopNumbers: new Map(),
    ...changes,
  };
}
