import { type Endpoint, notFound, RomanaError } from "../model/index.ts";
import {
  type AttachmentRecord,
  type AttachmentRequest,
  type AttachmentRequestJson,
  type AttachTarget,
  decodeAttachmentRequest,
  type IntentRecord,
  type Stored,
} from "../schema/index.ts";
import type { Kernel, Link } from "../system/kernel.ts";
import { overdue } from "./allocate-when-known.ts";
import { type DesiredEndpoint, desiredEndpoint } from "./desired.ts";
import { type Device, deviceOf, findTap, makeVeth, type TapTarget, takeTap } from "./device.ts";
import { isOwnDeviceName, macOf } from "./device-name.ts";
import { endpointKey } from "./host-knowledge.ts";
import type { Reconciler } from "./reconciler.ts";
import {
  type Allocated,
  endpointLocks,
  isOwnToken,
  isSameEndpoint,
  type Releaser,
  type ReleaserSite,
} from "./releaser.ts";
import type { Allocation } from "./romanad.ts";
import { tapFault } from "./tap-fault.ts";

/** What attaching works with. */
export interface Site extends ReleaserSite {
  /** Name of this host. */
  readonly host: string;
  readonly kernel: Kernel;
  readonly reconciler: Reconciler;
  /** MTU of endpoints that ask for none. */
  readonly endpointMtu: number;
  /** Whether the rules of this host can judge endpoints that are here in spite of their address (ADR 0022). */
  readonly takesRelocated: boolean;
  /** Waits a little for romanad. @throws RomanaError `unavailable`. */
  readonly connected: () => Promise<void>;
  /** Waits until the rules in force know the endpoint's segment, or that it acts as another. @throws RomanaError `unavailable`. */
  readonly enforced: (endpoint: Stored<Endpoint>) => Promise<void>;
}

/** An attachment, and whether this call made it or its device. */
export interface Attached {
  readonly created: boolean;
  readonly attachment: AttachmentRecord;
}

/** What a detach did. */
export interface Detached {
  /** False when there was no such attachment. */
  readonly detached: boolean;
  /** False when romanad is yet to be told, or the endpoint is not the agent's to release. */
  readonly released: boolean;
}

/** What is known of an attachment before it is wired. */
type Unwired = Pick<AttachmentRecord, "endpoint" | "revision" | "isAllocatedHere" | "isReleasing">;

/** An attachment that is being noted on disk. */
interface EarlyNote {
  readonly attachment: AttachmentRecord;
  readonly kept: Promise<void>;
}

/** Starts the request tokens of callers that give neither a token nor a name. */
const OWN_TOKEN = "romana-agent";

/**
 * Wires endpoints to this host. The order is: intent on disk, allocation, rules that know the segment, device,
 * source binding, route, attachment on disk. What fails half-way is undone in the reverse order.
 */
export class Attacher {
  readonly #site: Site;
  readonly #releaser: Releaser;

  constructor(site: Site, releaser: Releaser) {
    this.#site = site;
    this.#releaser = releaser;
  }

  /**
   * Allocates an endpoint and wires it; returns when it is enforced, reachable and on disk. Repeating it with the
   * same name or token gives the same attachment.
   * @throws RomanaError `invalid-input`, `conflict` (name, token, device or interface in use), `not-found`
   *   (namespace, tap, tenant, …), `unavailable` (no romanad, no such workload yet), `unsupported` (a relocated endpoint and
   *   iptables), or what romanad or the kernel refuses.
   */
  async attach(json: unknown): Promise<Attached> {
    const request = decodeAttachmentRequest(json);
    const keys = [...endpointLocks(request), targetLock(request.attach)];
    return this.#site.locks.run(keys, async () => {
      const known = this.#find(request);
      if (known !== undefined && !known.isReleasing) return this.#attachAgain(known, request);
      await this.#site.connected();
      if (known !== undefined) await this.#releaser.finish(known);
      return { created: true, attachment: await this.#attachNew(request, json as AttachmentRequestJson) };
    });
  }

  /** Takes an endpoint off its host, also while romanad is away. `ref` is a name, an address or a request token. */
  async detach(ref: string): Promise<Detached> {
    const { attachments, locks, journal } = this.#site;
    const found = attachments.find(ref);
    const keys = new Set([`ref ${ref}`, ...(found ? endpointLocks(found.endpoint) : [])]);
    return locks.run([...keys], async () => {
      const attachment = attachments.find(ref);
      if (attachment === undefined) return { detached: false, released: await this.#releaseForgotten(ref) };
      const releasing = { ...attachment, isReleasing: true };
      if (!attachment.isReleasing) {
        await journal.keep(releasing);
        attachments.put(releasing);
        await this.#unwire(attachment.device);
      }
      try {
        await this.#releaser.finish(releasing);
        return { detached: true, released: attachment.isAllocatedHere };
      } catch (error) {
        if (!(error instanceof RomanaError)) throw error;
        return { detached: true, released: false };
      }
    });
  }

  /**
   * Wires an endpoint that says its tap itself. False when it is attached already, or not `told` of any more.
   * @throws RomanaError `not-found` (no such device), `conflict` (the device is another one's, or no tap for this guest),
   *   `unavailable` (no rules yet), or what the kernel refuses.
   */
  async plug(endpoint: Stored<Endpoint>, told: () => Stored<Endpoint> | undefined): Promise<boolean> {
    const { tap } = endpoint;
    if (tap === undefined) return false;
    const { attachments, locks, journal, reconciler } = this.#site;
    const key = endpointKey(endpoint);
    const target = { kind: "tap", ...tap } as const;
    const isWanted = (): boolean => isSameEndpoint(told(), endpoint) && told()?.tap?.device === tap.device;
    return locks.run([...endpointLocks(endpoint), targetLock(target)], async () => {
      if (!isWanted() || attachments.get(key) !== undefined) return false;
      this.#checkPlug(endpoint, target);
      await this.#site.enforced(endpoint);
      const link = this.#checkPlug(endpoint, target);
      const { revision, ...plain } = endpoint;
      const record = { endpoint: plain, revision, isAllocatedHere: false, isReleasing: false };
      let attachment: AttachmentRecord;
      try {
        attachment = { ...(await this.#wire(record, target, link)), isPlugged: true };
        await journal.keep(attachment);
      } catch (error) {
        reconciler.unwire(tap.device);
        throw error;
      }
      const isThere = reconciler.inventory.endpointOf(tap.device)?.key === key;
      if (isThere && isWanted()) {
        attachments.put(attachment);
        return true;
      }
      reconciler.unwire(tap.device);
      await journal.remove(attachment);
      if (!isThere) throw notFound("device", tap.device);
      return false;
    });
  }

  /** Takes away an attachment whose endpoint has been released at romanad. */
  async drop(key: string, isGone: (attachment: AttachmentRecord) => boolean): Promise<boolean> {
    const { attachments, locks, journal } = this.#site;
    const found = attachments.get(key);
    if (found === undefined) return false;
    return locks.run(endpointLocks(found.endpoint), async () => {
      const attachment = attachments.get(key);
      if (attachment === undefined || !isGone(attachment)) return false;
      // First, so that news of the network that come meanwhile do not adopt it again.
      attachments.remove(key);
      await this.#unwire(attachment.device);
      await journal.remove(attachment);
      return true;
    });
  }

  async #attachNew(request: AttachmentRequest, json: AttachmentRequestJson): Promise<AttachmentRecord> {
    const { host, journal, attachments } = this.#site;
    const tap = this.#checkTap(request.attach);
    const { attach: _target, ...allocation } = json;
    const token = tokenOf(request, this.#site.newId);
    const key = { ...(request.name !== undefined && { name: request.name }), ...token };
    const intent = await this.#releaser.begin(key);
    const allocated = await this.#allocate(intent, { ...allocation, ...token, host });
    const { endpoint, isOurs } = allocated;
    if (attachments.get(endpointKey(endpoint)) !== undefined) {
      await journal.forget(intent);
      throw conflict(endpoint, "it is attached already");
    }
    let attachment: AttachmentRecord;
    let early: EarlyNote | undefined;
    try {
      await this.#site.enforced(endpoint);
      const { revision, ...plain } = endpoint;
      const record = { endpoint: plain, revision, isAllocatedHere: isOurs, isReleasing: false };
      early = this.#keepEarly(record, request);
      attachment = await this.#wire(record, request.attach, tap);
      if (early === undefined) await journal.keep(attachment, intent);
      else await early.kept;
      attachments.put(attachment);
    } catch (error) {
      await this.#unwire(deviceOf(endpoint, request.attach));
      // What cannot be taken back now is, once romanad tells of the release.
      if (early !== undefined) await journal.remove(early.attachment).catch(() => undefined);
      await this.#releaser.undo(intent, allocated);
      throw error;
    }
    if (!this.#wasReleased(endpoint)) return attachment;
    await this.#unwire(attachment.device);
    await journal.remove(attachment);
    attachments.remove(endpointKey(endpoint));
    throw new RomanaError(
      `Cannot attach endpoint "${nameOf(endpoint)}": it was released at romanad meanwhile`,
      { code: "aborted" },
    );
  }

  /**
   * Notes an attachment on disk while its device is being made: a caller that never hears of it asks again, which makes
   * the device anew, or detaches. Undefined for callers who may do neither.
   */
  #keepEarly(record: Unwired, { requestToken, attach }: AttachmentRequest): EarlyNote | undefined {
    if (!isOwnToken(requestToken) || attach.kind !== "netns") return undefined;
    const { addresses } = record.endpoint;
    const { mtu = this.#site.endpointMtu, mac = macOf(addresses) } = attach;
    const attachment = { ...record, target: attach, device: deviceOf(record.endpoint, attach), mtu, mac };
    const kept = this.#site.journal.keep(attachment);
    // Whoever waits for it hears of it, however the wiring ends before.
    kept.catch(() => undefined);
    return { attachment, kept };
  }

  async #allocate(intent: IntentRecord, allocation: Allocation): Promise<Allocated> {
    try {
      return await this.#releaser.allocate(intent, allocation);
    } catch (error) {
      throw overdue(error);
    }
  }

  /** Answers a repeated attach; a device that is gone is made anew where the caller says. */
  async #attachAgain(known: AttachmentRecord, request: AttachmentRequest): Promise<Attached> {
    const { journal, attachments, reconciler } = this.#site;
    const { endpoint, target, device, isAllocatedHere, isReleasing, revision } = known;
    const reason = differenceOf(known, request);
    if (reason !== undefined) throw conflict(endpoint, reason);
    if (reconciler.inventory.indexOf(device) !== undefined) {
      if (target !== undefined && !isSameTarget(target, request.attach)) {
        throw conflict(endpoint, `it is attached to ${formatTarget(target)}`);
      }
      return { created: false, attachment: known };
    }
    const tap = this.#checkTap(request.attach);
    const before = reconciler.inventory.endpointOf(device);
    reconciler.unwire(device);
    try {
      const record = { endpoint, revision, isAllocatedHere, isReleasing };
      const attachment = await this.#wire(record, request.attach, tap);
      await journal.keep(attachment);
      attachments.put(attachment);
      return { created: true, attachment };
    } catch (error) {
      await this.#unwire(deviceOf(endpoint, request.attach));
      if (before !== undefined) reconciler.adopt(before);
      throw error;
    }
  }

  /** Makes the device, binds and routes the endpoint; or leaves to the caller what there is to {@link #unwire}. */
  async #wire(record: Unwired, target: AttachTarget, tap: Link | undefined): Promise<AttachmentRecord> {
    const { endpoint } = record;
    this.#checkPlace(endpoint);
    const knowledge = this.#site.knowledge();
    const network = knowledge?.network(endpoint.network);
    if (network === undefined) throw notFound("network", endpoint.network);
    const name = deviceOf(endpoint, target);
    const isOwn = target.kind === "netns";
    const desired = desiredEndpoint(network, endpoint, { name, isOwn }, knowledge?.ownHost);
    const { link, mac } = await this.#device(desired, endpoint, target, tap);
    return { ...record, target, device: name, mtu: link.mtu, ...(mac !== undefined && { mac }) };
  }

  /** The device, wired: nothing passes it before its endpoint is bound. */
  async #device(
    desired: DesiredEndpoint,
    endpoint: Endpoint,
    target: AttachTarget,
    tap: Link | undefined,
  ): Promise<Device> {
    const { kernel, reconciler, endpointMtu } = this.#site;
    const wiring = {
      wire: (link: Link) => reconciler.wire(desired, link),
      unwire: () => reconciler.unwire(desired.device),
    };
    if (target.kind === "netns") {
      const mtu = target.mtu ?? endpointMtu;
      return reconciler.make(desired.device, () => makeVeth(kernel, desired, endpoint, target, mtu, wiring));
    }
    if (tap === undefined) throw notFound("device", target.device);
    const device = takeTap(kernel, reconciler, desired, target, tap);
    reconciler.wire(desired, device.link);
    return device;
  }

  /** Takes an endpoint off its device, and deletes the device if it is ours. */
  async #unwire(device: string): Promise<void> {
    const { reconciler } = this.#site;
    reconciler.unwire(device);
    if (isOwnDeviceName(device)) await reconciler.dismantle(device);
  }

  /** Rules that take the endpoint for one outside of this host would let anybody reach it. */
  #checkPlace(endpoint: Endpoint): void {
    const { host, takesRelocated } = this.#site;
    if (takesRelocated || endpoint.host === host) return;
    throw new RomanaError(
      `Cannot attach endpoint "${nameOf(endpoint)}": its address is of host "${endpoint.host}", and only a host with nftables takes it; migrate it to one`,
      { code: "unsupported" },
    );
  }

  #find({ name, requestToken }: AttachmentRequest): AttachmentRecord | undefined {
    const { attachments } = this.#site;
    return (
      (requestToken === undefined ? undefined : attachments.find(requestToken)) ??
      (name === undefined ? undefined : attachments.find(name))
    );
  }

  /** The tap of the target. One that is not there, is no tap, or has an endpoint already is refused. */
  #checkTap(target: AttachTarget): Link | undefined {
    if (target.kind !== "tap") return undefined;
    const { kernel, attachments, reconciler } = this.#site;
    const link = findTap(kernel, target);
    const { device } = target;
    const other = attachments.onDevice(device);
    const isTaken = other?.isReleasing === false && reconciler.inventory.indexOf(device) !== undefined;
    if (!isTaken) return link;
    throw new RomanaError(
      `Cannot attach endpoint: device "${device}" has endpoint "${nameOf(other.endpoint)}" already`,
      { code: "conflict", noun: "device", name: device },
    );
  }

  /** The tap that an endpoint says, if it is there, is one for its guest, and nobody else's. */
  #checkPlug(endpoint: Endpoint, target: TapTarget): Link {
    const { kernel, attachments } = this.#site;
    const link = kernel.links().find(({ name }) => name === target.device);
    if (link === undefined) throw notFound("device", target.device);
    const other = attachments.onDevice(target.device);
    const reason =
      other?.isReleasing === false
        ? `device "${target.device}" has endpoint "${nameOf(other.endpoint)}" already`
        : tapFault(link, { device: target.device, mac: target.mac ?? "" });
    if (reason === undefined) return link;
    const failure = { code: "conflict", noun: "device", name: target.device } as const;
    throw new RomanaError(`Cannot wire endpoint "${nameOf(endpoint)}": ${reason}`, failure);
  }

  /** An endpoint may be released at romanad while it is being wired. */
  #wasReleased(endpoint: Stored<Endpoint>): boolean {
    const knowledge = this.#site.knowledge();
    if (knowledge === undefined || knowledge.revision < endpoint.revision) return false;
    return !isSameEndpoint(knowledge.endpoints.get(endpointKey(endpoint)), endpoint);
  }

  async #releaseForgotten(ref: string): Promise<boolean> {
    const endpoints = [...(this.#site.knowledge()?.endpoints.values() ?? [])];
    const endpoint = endpoints.find(
      (candidate) =>
        candidate.name === ref || candidate.requestToken === ref || endpointKey(candidate) === ref,
    );
    // Who says where an endpoint is plugged in releases it, too.
    if (endpoint?.tap !== undefined) return false;
    return endpoint !== undefined && this.#releaser.releaseForgotten(endpoint);
  }
}

function tokenOf(
  { name, requestToken }: AttachmentRequest,
  newId: () => string,
): { readonly requestToken?: string } {
  if (requestToken !== undefined) return { requestToken };
  return name === undefined ? { requestToken: `${OWN_TOKEN}/${newId()}` } : {};
}

function targetLock(target: AttachTarget): string {
  return `target ${formatTarget(target)}`;
}

function formatTarget(target: AttachTarget): string {
  return target.kind === "tap" ? `tap ${target.device}` : `${target.interface} in ${target.netns}`;
}

function isSameTarget(a: AttachTarget, b: AttachTarget): boolean {
  return formatTarget(a) === formatTarget(b);
}

/** Why the request is about another endpoint than the one of its name or token; undefined when it is not. */
function differenceOf({ endpoint }: AttachmentRecord, request: AttachmentRequest): string | undefined {
  const fields = ["name", "requestToken", "network", "tenant", "segment", "endpointId"] as const;
  const differing = fields.find((field) => {
    const wanted = request[field];
    // IDs and codes may stand for tenants and segments: romanad has checked them when it allocated.
    const isComparable = wanted !== undefined && (typeof wanted === "string" || field === "endpointId");
    return isComparable && wanted !== endpoint[field];
  });
  const { workload } = request;
  if (differing === undefined && workload !== undefined && workload !== endpoint.externalId) {
    return `it was not allocated for workload "${workload}"`;
  }
  return differing && `its ${differing} is "${endpoint[differing] ?? ""}", not "${request[differing]}"`;
}

function conflict(endpoint: Endpoint, reason: string): RomanaError {
  const name = nameOf(endpoint);
  return new RomanaError(`Cannot attach endpoint "${name}": ${reason}`, {
    code: "conflict",
    noun: "endpoint",
    name,
  });
}

/** What people call the endpoint. */
export function nameOf(endpoint: Endpoint): string {
  return endpoint.name ?? endpointKey(endpoint);
}

/** The rules that an endpoint needs are not in force. */
export function notEnforced({ tenant, segment }: Endpoint, reason: string): RomanaError {
  return new RomanaError(
    `Cannot attach endpoint of segment "${tenant}/${segment}": its rules are not in force: ${reason}`,
    { code: "unavailable" },
  );
}
