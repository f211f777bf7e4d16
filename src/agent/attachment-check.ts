import { hasCode, notFound } from "../model/index.ts";
import { addressBits, formatAddress, isSameAddress } from "../net/index.ts";
import { type AttachmentCheck, type AttachmentRecord, decodeAttachmentCheck } from "../schema/index.ts";
import type { Kernel, PeerInterface } from "../system/kernel.ts";
import type { Attachments } from "./attachments.ts";
import type { DesiredEndpoint } from "./desired.ts";
import type { Keeper } from "./keeper.ts";
import type { Reconciler } from "./reconciler.ts";

/** What a check looks at. */
export interface CheckSources {
  readonly attachments: Pick<Attachments, "find">;
  readonly reconciler: Pick<Reconciler, "inventory" | "isEnforcing">;
  readonly keeper: Pick<Keeper, "reconcile" | "failures">;
  readonly kernel: Pick<Kernel, "peerInterface">;
}

/**
 * Looks whether an attachment works, and mends what it can on the host. Returns sentences about all that is wrong. What
 * the request does not say is what the attach made.
 * @throws RomanaError `not-found` when there is no such attachment, `invalid-input`.
 */
export function checkAttachment(
  ref: string,
  json: unknown,
  { attachments, reconciler, keeper, kernel }: CheckSources,
): readonly string[] {
  const request = decodeAttachmentCheck(json);
  const attachment = attachments.find(ref);
  if (attachment === undefined) throw notFound("attachment", ref);
  if (attachment.isReleasing) return ["the endpoint is being released"];
  keeper.reconcile("drift");
  const { device, target } = attachment;
  const netns = target?.kind === "netns" ? target : undefined;
  const place = request.attach ?? netns;
  const desired = reconciler.inventory.endpointOf(device);
  const isThere = reconciler.inventory.indexOf(device) !== undefined;
  const isElsewhere =
    request.attach !== undefined && netns !== undefined && !isSamePlace(request.attach, netns);
  return [
    ...(isThere ? [] : [`device ${device} is gone from the host`]),
    ...(reconciler.isEnforcing && desired !== undefined ? [] : ["its rules are not in force"]),
    ...keeper.failures.filter((failure) => failure.includes(device)),
    ...(isElsewhere ? [`the endpoint is attached to ${netns.interface} in ${netns.netns}`] : []),
    ...(place === undefined ? [] : placeProblems(kernel, place, wantedIn(attachment, request), desired)),
  ];
}

/** What an interface should have. */
interface Wanted {
  readonly addresses: NonNullable<AttachmentCheck["addresses"]>;
  readonly routes: AttachmentCheck["routes"];
}

function wantedIn({ endpoint }: AttachmentRecord, { addresses, routes }: AttachmentCheck): Wanted {
  const { ipv4, ipv6 } = endpoint.addresses;
  const own = [ipv4, ipv6].filter((address) => address !== undefined);
  return {
    addresses: addresses ?? own.map((address) => ({ address, prefixLength: addressBits(address.family) })),
    routes,
  };
}

type Place = NonNullable<AttachmentCheck["attach"]>;

function isSamePlace(a: Place, b: Place): boolean {
  return a.netns === b.netns && a.interface === b.interface;
}

function placeProblems(
  kernel: Pick<Kernel, "peerInterface">,
  { netns, interface: name }: Place,
  wanted: Wanted,
  desired: DesiredEndpoint | undefined,
): readonly string[] {
  const found = lookInto(kernel, netns, name);
  if (found === "gone") return [`network namespace ${netns} is gone`];
  if (found === undefined) return [`there is no interface ${name} in ${netns}`];
  return [
    ...(found.link.up ? [] : [`interface ${name} is down`]),
    ...wanted.addresses
      .filter((address) => !hasAddress(found, address))
      .map(({ address, prefixLength }) => `${formatAddress(address)}/${prefixLength} is not on ${name}`),
    ...(desired?.gateways ?? [])
      .filter(({ family }) => isRouteWanted(wanted.routes, family) && !hasWayOut(found, family))
      .map((gateway) => `interface ${name} has no default route by ${formatAddress(gateway)}`),
  ];
}

function lookInto(
  kernel: Pick<Kernel, "peerInterface">,
  netns: string,
  name: string,
): PeerInterface | "gone" | undefined {
  try {
    return kernel.peerInterface(netns, name);
  } catch (error) {
    if (hasCode(error, "not-found")) return "gone";
    throw error;
  }
}

type WantedAddress = NonNullable<AttachmentCheck["addresses"]>[number];

function hasAddress({ addresses }: PeerInterface, wanted: WantedAddress): boolean {
  return addresses.some(
    ({ address, prefixLength }) =>
      isSameAddress(address, wanted.address) && prefixLength === wanted.prefixLength,
  );
}

/** Whoever comes later in a chain may have taken a route away, and then does not list it. */
function isRouteWanted(routes: AttachmentCheck["routes"], family: number): boolean {
  return routes === undefined || routes.some((route) => route.family === family && route.length === 0);
}

function hasWayOut({ routes }: PeerInterface, family: number): boolean {
  return routes.some(
    ({ destination, type }) =>
      destination.family === family && destination.length === 0 && type === "unicast",
  );
}
