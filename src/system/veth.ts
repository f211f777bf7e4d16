import { RomanaError } from "../model/index.ts";
import { addressBits, addressPrefix, firstAddress, prefixOf } from "../net/index.ts";
import { endpointSysctls, interfaceSysctls } from "./endpoint-sysctls.ts";
import { readLink } from "./inventory.ts";
import {
  type KernelRoute,
  type Link,
  MAIN_TABLE,
  ROMANA_PROTOCOL,
  type Veth,
  type VethSpec,
} from "./kernel.ts";
import { kernelRefused } from "./kernel-refused.ts";
import { inNamespaceOf, openNamespace } from "./namespace.ts";
import { NETLINK_ROUTE } from "./netlink/constants.ts";
import { encodeDeleteLink, encodeLinkUp, encodeNewVeth } from "./netlink/link.ts";
import { encodeLinkAddress } from "./netlink/link-address.ts";
import { encodeRoute } from "./netlink/route.ts";
import { type NetlinkSocket, openNetlink, type RequestEncoder } from "./netlink/socket.ts";
import { sys } from "./sys.ts";
import { writeSysctls } from "./sysctl.ts";

/**
 * Makes the pair and all that belongs to it, or leaves nothing behind.
 * @param host socket of the host's namespace
 * @param atHome runs a function in the host's namespace, for its sysctls
 */
export function createVeth(host: NetlinkSocket, atHome: <T>(run: () => T) => T, spec: VethSpec): Veth {
  const { namespace } = spec.peer;
  const namespaceFd = openNamespace(namespace);
  let inside: NetlinkSocket | undefined;
  try {
    const peer = inNamespaceOf(namespaceFd, namespace, () => openNetlink(NETLINK_ROUTE));
    inside = peer;
    createPair(host, spec, namespaceFd);
    try {
      atHome(() => writeSysctls(endpointSysctls(spec.name)));
      request(host, spec, [encodeLinkUp(findLink(host, spec.name).index)]);
      inNamespaceOf(namespaceFd, namespace, () => writeSysctls(interfaceSysctls(spec.peer.name)));
      const link = findLink(peer, spec.peer.name);
      request(peer, spec, interfaceRequests(link.index, spec));
      return { host: findLink(host, spec.name), peer: { name: link.name, mac: link.mac ?? "" } };
    } catch (error) {
      host.request(encodeDeleteLink(spec.name));
      throw error;
    }
  } finally {
    inside?.close();
    sys.close(namespaceFd);
  }
}

function createPair(host: NetlinkSocket, spec: VethSpec, namespaceFd: number): void {
  const { name, mtu, peer } = spec;
  const answer = host.request(
    encodeNewVeth({ name, mtu, peer: { name: peer.name, mac: peer.mac, namespaceFd } }),
  );
  if (answer.errno === undefined) return;
  if (answer.errno !== "EEXIST") throw refusal(spec, answer.errno, answer.detail);
  const taken = readLink(host, name) === undefined ? peer.name : name;
  throw new RomanaError(`Cannot create interface "${taken}": the name is taken`, {
    code: "conflict",
    noun: "interface",
    name: taken,
  });
}

/** Up, addresses, and per family the way to the gateway and on from there. */
function interfaceRequests(device: number, spec: VethSpec): RequestEncoder[] {
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
  return [
    encodeLinkUp(device),
    ...spec.peer.addresses.map((prefix) =>
      encodeLinkAddress("add", {
        link: device,
        address: firstAddress(prefix),
        prefixLength: addressBits(prefix.family),
      }),
    ),
    ...routes.map((route) => encodeRoute("replace", route)),
  ];
}

function request(socket: NetlinkSocket, spec: VethSpec, requests: readonly RequestEncoder[]): void {
  const failure = socket.requestAll(requests).find((answer) => answer?.errno !== undefined);
  if (failure?.errno !== undefined) throw refusal(spec, failure.errno, failure.detail);
}

function refusal(spec: VethSpec, errno: string, detail: string | undefined): RomanaError {
  return kernelRefused(
    `create interface "${spec.name}" with "${spec.peer.name}" in ${spec.peer.namespace}`,
    errno,
    detail,
  );
}

function findLink(socket: NetlinkSocket, name: string): Link {
  const link = readLink(socket, name);
  if (link === undefined) throw kernelRefused(`find interface "${name}"`, "ENODEV");
  return link;
}
