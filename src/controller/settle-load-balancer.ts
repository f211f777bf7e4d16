import { isDeepStrictEqual } from "node:util";
import {
  desiredVirtualIp,
  isSamePair,
  LOAD_BALANCER_CLASS,
  type LoadBalancedService,
  namespacedName,
  VIRTUAL_IP_ANNOTATION,
} from "../kubernetes/index.ts";
import { hasCode, RomanaError, type VirtualIp, virtualIpAddresses } from "../model/index.ts";
import { type Address, formatAddress, isSameAddress } from "../net/index.ts";
import { type LiveService, readAddressList } from "../schema/index.ts";
import type { Subject } from "./event-recorder.ts";
import { deleting } from "./mirror.ts";
import { type Handler, type Site, subjectOf } from "./site.ts";

/** A virtual IP that is not held is looked at again after so many milliseconds. */
const LOOK_AGAIN = 3_000;
/** A service without an address looks for one again after so many milliseconds. */
const ASK_AGAIN = 30_000;
/** An address that romanad has refused is not chosen for so many milliseconds. */
const UNUSABLE_FOR = 300_000;

/**
 * Gives services of our class their virtual IPs, writes them into their status, and tells what cannot be honoured. A virtual IP that no
 * service has made is left alone. The handler remembers which addresses romanad has refused.
 */
export function createLoadBalancerHandler(): Handler {
  const unusable = new Map<string, number>();
  // One after the other, so that no two choose the same address.
  let last: Promise<unknown> = Promise.resolve();
  const handle = createHandler(unusable);
  return (site, key) => {
    const turn = last.then(() => handle(site, key));
    last = turn.catch(() => undefined);
    return turn;
  };
}

/** @param unusable until when addresses are not chosen */
function createHandler(unusable: Map<string, number>): Handler {
  return async (site, key) => {
    const { cluster, mirror, romanad, events, now } = site;
    const [namespace = "", objectName = ""] = key.split("/");
    const name = namespacedName(namespace, objectName);
    const { services } = cluster.informers;
    const cached = services.objects.get(key);
    const service = cached?.value;
    const known = mirror.virtualIps.get(name);
    const isOurs = service?.loadBalancerClass === LOAD_BALANCER_CLASS && !service.isGoing;
    if (cached === undefined && !services.isComplete) return LOOK_AGAIN;
    if (cached !== undefined && service === undefined) return undefined;
    if (cached === undefined || service === undefined || !isOurs) {
      if (known?.externalId !== undefined) await remove(site, name);
      if (service !== undefined && known?.externalId === service.uid) await writeIngress(site, service, []);
      return undefined;
    }
    const subject = subjectOf(services, cached);
    if (known !== undefined && known.externalId === undefined) {
      events.warn(subject, "VirtualIpOfSomebodyElse", `virtual IP "${name}" was not made for a service`);
      return undefined;
    }
    const request = requestOf(site, service);
    if (request === undefined) {
      const message = `annotation ${VIRTUAL_IP_ANNOTATION} or spec.loadBalancerIP is no list of addresses`;
      events.warn(subject, "NoVirtualIp", message);
      return undefined;
    }
    const { virtualIp, problems } = desiredVirtualIp(request, {
      pools: site.config.virtualIpPools,
      isTaken: (address) =>
        isTaken(site, name, address) || (unusable.get(formatAddress(address)) ?? 0) > now(),
      ...(known?.externalId === service.uid && { current: known.addresses }),
    });
    for (const problem of problems) events.warn(subject, "NoVirtualIp", problem);
    if (virtualIp === undefined) {
      if (known !== undefined) await remove(site, name);
      await writeIngress(site, service, []);
      return ASK_AGAIN;
    }
    const isOther =
      known !== undefined &&
      (known.externalId !== virtualIp.externalId || !isSamePair(known.addresses, virtualIp.addresses));
    if (isOther) await remove(site, name);
    try {
      if (known === undefined || isOther) {
        mirror.virtualIps.set(name, await romanad.createVirtualIp(virtualIp));
      } else if (!isDeepStrictEqual(known.hosts, virtualIp.hosts)) {
        mirror.virtualIps.set(name, await romanad.updateVirtualIp(name, virtualIp.hosts));
      }
    } catch (error) {
      if (!hasCode(error, "conflict") && !hasCode(error, "invalid-input")) throw error;
      events.warn(subject, "NoVirtualIp", error.message);
      for (const address of virtualIpAddresses(virtualIp))
        unusable.set(formatAddress(address), now() + UNUSABLE_FOR);
      // Another one may be free; what the service asks for is not.
      return request.requested.length > 0 ? ASK_AGAIN : 0;
    }
    await writeIngress(site, service, virtualIpAddresses(virtualIp).map(formatAddress));
    return problems.length > 0 ? ASK_AGAIN : await watchState(site, subject, name);
  };
}

/** Tells when nobody holds it; when to look again. */
async function watchState(
  { romanad, events }: Site,
  subject: Subject,
  name: string,
): Promise<number | undefined> {
  const { state, reason } = await romanad.getVirtualIp(name);
  if (state === "held") return undefined;
  if (state === "vacant" && reason !== undefined) events.warn(subject, "VirtualIpVacant", reason);
  return LOOK_AGAIN;
}

async function remove({ romanad, mirror }: Site, name: string): Promise<void> {
  await deleting(romanad.deleteVirtualIp(name));
  mirror.virtualIps.delete(name);
}

/** What the service asks for; undefined when it cannot be read. */
function requestOf({ cluster }: Site, service: LiveService): LoadBalancedService | undefined {
  const { namespace, name, uid, families, annotations, loadBalancerIP = "", isLocal } = service;
  const requested = readAddressList(annotations[VIRTUAL_IP_ANNOTATION] ?? loadBalancerIP);
  if (requested === undefined) return undefined;
  const localNodes = isLocal ? { localNodes: cluster.nodesOfService(`${namespace}/${name}`) } : {};
  return { namespace, name, uid, families, requested, ...localNodes };
}

function isTaken({ mirror }: Site, name: string, address: Address): boolean {
  const isIn = (pair: VirtualIp["addresses"]): boolean =>
    [pair.ipv4, pair.ipv6].some((other) => other !== undefined && isSameAddress(other, address));
  for (const other of mirror.virtualIps.values())
    if (other.name !== name && isIn(other.addresses)) return true;
  for (const { underlay } of mirror.hosts.values()) if (isIn(underlay)) return true;
  return false;
}

/** Makes the status of a service name these addresses, as kube-proxy and users read them. */
async function writeIngress(
  { api }: Site,
  service: LiveService,
  addresses: readonly string[],
): Promise<void> {
  if (isDeepStrictEqual(service.ingress, addresses)) return;
  const { namespace, name } = service;
  try {
    await api.call({
      method: "PATCH",
      path: `/api/v1/namespaces/${namespace}/services/${name}/status`,
      contentType: "application/merge-patch+json",
      body: { status: { loadBalancer: { ingress: addresses.map((ip) => ({ ip })) } } },
    });
  } catch (error) {
    if (!(error instanceof RomanaError) || error.code !== "not-found") throw error;
  }
}
