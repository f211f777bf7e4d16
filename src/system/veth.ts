import { statSync } from "node:fs";
import { RomanaError } from "../model/index.ts";
import {
  type Address,
  addressBits,
  addressPrefix,
  firstAddress,
  LINK_LOCAL_LENGTH,
  linkLocalAddress,
  prefixOf,
} from "../net/index.ts";
import { endpointSysctls } from "./endpoint-sysctls.ts";
import { readLink } from "./inventory.ts";
import {
  type KernelRoute,
  type Link,
  MAIN_TABLE,
  ROMANA_PROTOCOL,
  type Veth,
  type VethSpec,
  type VethWiring,
} from "./kernel.ts";
import { kernelRefused } from "./kernel-refused.ts";
import { inNamespaceOf, openNamespace } from "./namespace.ts";
import { NETLINK_ROUTE } from "./netlink/constants.ts";
import {
  decodeLink,
  encodeDeleteLink,
  encodeGetLink,
  encodeLinkUp,
  encodeNewVeth,
  encodeNoGeneratedAddress,
  isIpv6Disabled,
} from "./netlink/link.ts";
import { encodeLinkAddress } from "./netlink/link-address.ts";
import type { Acknowledgement } from "./netlink/reply.ts";
import { encodeRoute } from "./netlink/route.ts";
import { type NetlinkSocket, openNetlink, type RequestEncoder } from "./netlink/socket.ts";
import { sys } from "./sys.ts";
import { Sysctls } from "./sysctl.ts";

/** So many are made at a time: with more they would only wait for each other. */
const AT_ONCE = 2;

/**
 * Makes veth pairs on other threads as far as it can: the kernel makes devices under the lock of all devices, for
 * which this process may have to wait.
 */
export class VethMaker {
  readonly #sockets: readonly NetlinkSocket[];
  readonly #idle: NetlinkSocket[];
  readonly #waiting: ((socket: NetlinkSocket) => void)[] = [];
  readonly #setSysctls: (values: ReadonlyMap<string, string>) => void;
  /** The last of the creations that wait for a namespace. */
  readonly #last = new Map<unknown, Promise<unknown>>();

  /**
   * Opens its sockets in the network namespace of the calling thread.
   * @param setSysctls sets sysctls of that namespace
   */
  constructor(setSysctls: (values: ReadonlyMap<string, string>) => void) {
    this.#sockets = Array.from({ length: AT_ONCE }, () => openNetlink(NETLINK_ROUTE));
    this.#idle = [...this.#sockets];
    this.#setSysctls = setSysctls;
  }

  /**
   * Makes the pair and all that belongs to it, or leaves nothing behind.
   * @throws RomanaError `not-found` (namespace), `conflict` (a name is taken), `kernel-refused`.
   */
  create(spec: VethSpec, wiring?: VethWiring): Promise<Veth> {
    // Routes of two interfaces of one namespace would come between each other.
    const key = identityOf(spec.peer.namespace);
    const made = (this.#last.get(key) ?? Promise.resolve()).then(() => this.#inLane(spec, wiring));
    const settled = made.then(ignore, ignore).then(() => {
      if (this.#last.get(key) === settled) this.#last.delete(key);
    });
    this.#last.set(key, settled);
    return made;
  }

  close(): void {
    for (const socket of this.#sockets) socket.close();
  }

  async #inLane(spec: VethSpec, wiring?: VethWiring): Promise<Veth> {
    const socket =
      this.#idle.pop() ?? (await new Promise<NetlinkSocket>((resolve) => this.#waiting.push(resolve)));
    try {
      return await this.#create(socket, spec, wiring);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#idle.push(socket);
      else next(socket);
    }
  }

  async #create(host: NetlinkSocket, spec: VethSpec, wiring?: VethWiring): Promise<Veth> {
    const { namespace } = spec.peer;
    const namespaceFd = openNamespace(namespace);
    let inside: NetlinkSocket | undefined;
    try {
      inside = inNamespaceOf(namespaceFd, namespace, () => openNetlink(NETLINK_ROUTE, { isBrief: true }));
      const link = await createPair(host, spec, namespaceFd);
      try {
        this.#setSysctls(endpointSysctls(spec.name));
        check(spec, host.requestAll([encodeLinkUp(link.index)]));
        const up = { ...link, up: true };
        wiring?.wire(up);
        const mac = configurePeer(inside, namespaceFd, spec);
        return { host: up, peer: { name: spec.peer.name, mac } };
      } catch (error) {
        wiring?.unwire();
        await host.requestAllInBackground([encodeDeleteLink(spec.name)]);
        throw error;
      }
    } finally {
      inside?.close();
      sys.close(namespaceFd);
    }
  }
}

/** What tells a namespace from others, whatever path leads to it. */
function identityOf(path: string): unknown {
  try {
    return statSync(path).ino;
  } catch {
    // Opening it will say why.
    return path;
  }
}

function ignore(): void {}

/** Both ends, down; returns the host's. */
async function createPair(host: NetlinkSocket, spec: VethSpec, namespaceFd: number): Promise<Link> {
  const { name, mtu, peer } = spec;
  let link: Link | undefined;
  const answers = await host.requestAllInBackground(
    [
      encodeNewVeth({ name, mtu, peer: { name: peer.name, mac: peer.mac, namespaceFd } }),
      encodeGetLink(name),
    ],
    (bytes, message) => {
      link = decodeLink(bytes, message);
    },
  );
  if (answers?.[0]?.errno === "EEXIST") throw taken(link?.name ?? peer.name);
  check(spec, answers);
  if (link === undefined) throw refusal(spec, "ENODEV");
  return link;
}

/**
 * Brings the endpoint's interface up with addresses and routes; returns its MAC address. IPv6 is told by netlink what
 * sysctls could say, too: a sysctl of another namespace costs as much as all of this (see {@link Sysctls}).
 */
function configurePeer(socket: NetlinkSocket, namespaceFd: number, spec: VethSpec): string {
  const { namespace, name, addresses } = spec.peer;
  const usesIpv6 = addresses.some(({ family }) => family === 6);
  let isDisabled = false;
  const link = readLink(socket, name, (bytes, message) => {
    isDisabled = isIpv6Disabled(bytes, message);
  });
  if (link === undefined) throw refusal(spec, "ENODEV");
  // Container runtimes switch IPv6 off by default.
  if (usesIpv6 && isDisabled) inNamespaceOf(namespaceFd, namespace, () => enableIpv6(name));
  check(spec, socket.requestAll(interfaceRequests(link, usesIpv6, spec)));
  return link.mac ?? "";
}

/** Switches IPv6 on for an interface of the thread's namespace. */
function enableIpv6(name: string): void {
  const sysctls = new Sysctls();
  try {
    sysctls.write(`net.ipv6.conf.${name.replaceAll(".", "/")}.disable_ipv6`, "0");
  } finally {
    sysctls.close();
  }
}

/**
 * Up, addresses, and per family the way to the gateway and on from there. The link-local address is ours, too: the
 * kernel would look for duplicates of its own for a second, in which the interface cannot resolve neighbours.
 */
function interfaceRequests(link: Link, usesIpv6: boolean, spec: VethSpec): RequestEncoder[] {
  const device = link.index;
  const linkLocal = usesIpv6 && link.mac !== undefined ? [linkLocalAddress(link.mac)] : [];
  const routes = spec.peer.gateways.flatMap((gateway): KernelRoute[] => {
    const common = {
      type: "unicast",
      device,
      table: MAIN_TABLE,
      metric: 0,
      protocol: ROMANA_PROTOCOL,
    } as const;
    return [
      { ...common, destination: addressPrefix(gateway) },
      { ...common, destination: prefixOf({ family: gateway.family, value: 0n }, 0), gateway },
    ];
  });
  const add = (address: Address, prefixLength: number): RequestEncoder =>
    encodeLinkAddress("add", { link: device, address, prefixLength });
  return [
    ...linkLocal.map(() => encodeNoGeneratedAddress(device)),
    encodeLinkUp(device),
    ...linkLocal.map((address) => add(address, LINK_LOCAL_LENGTH)),
    ...spec.peer.addresses.map((prefix) => add(firstAddress(prefix), addressBits(prefix.family))),
    ...routes.map((route) => encodeRoute("replace", route)),
  ];
}

/** Without answers the socket was closed. */
function check(spec: VethSpec, answers: readonly Acknowledgement[] | undefined): void {
  if (answers === undefined) throw refusal(spec, "ECANCELED");
  const failure = answers.find((answer) => answer?.errno !== undefined);
  if (failure?.errno !== undefined) throw refusal(spec, failure.errno, failure.detail);
}

function refusal({ name, peer }: VethSpec, errno: string, detail?: string): RomanaError {
  return kernelRefused(`create interface "${name}" with "${peer.name}" in ${peer.namespace}`, errno, detail);
}

function taken(name: string): RomanaError {
  return new RomanaError(`Cannot create interface "${name}": the name is taken`, {
    code: "conflict",
    noun: "interface",
    name,
  });
}
