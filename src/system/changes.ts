import { isSameAddress } from "../net/index.ts";
import { readAddresses, readLink } from "./inventory.ts";
import type { ChangeFailure, KernelChange, LinkAddress } from "./kernel.ts";
import { encodeDeleteLink, encodeLinkMac, encodeLinkUp, encodeNewLink } from "./netlink/link.ts";
import { encodeLease, encodeLinkAddress } from "./netlink/link-address.ts";
import { encodeProxyNeighbour } from "./netlink/neighbour.ts";
import type { Acknowledgement } from "./netlink/reply.ts";
import { encodeRoute } from "./netlink/route.ts";
import { encodeRule } from "./netlink/rule.ts";
import type { NetlinkSocket, RequestEncoder } from "./netlink/socket.ts";

type ChangeType = KernelChange["type"];

/** Errors that say that the change is true already. A link that is gone took all of its own with it. */
const TRUE_ALREADY: Record<ChangeType, readonly string[]> = {
  "add-link": [],
  "delete-link": ["ENODEV"],
  "set-link-up": [],
  "add-address": [],
  "lease-address": [],
  "delete-address": ["EADDRNOTAVAIL", "ENODEV"],
  "replace-route": [],
  "delete-route": ["ESRCH"],
  // The kernel tells only exact copies apart: one like it in everything is it.
  "add-rule": ["EEXIST"],
  "delete-rule": ["ENOENT"],
  "add-proxy-neighbour": [],
  "delete-proxy-neighbour": ["ENOENT", "ENODEV"],
};

function encodeChange(change: KernelChange): RequestEncoder {
  switch (change.type) {
    case "add-link":
      return encodeNewLink(change.name, change.kind, change.mac);
    case "delete-link":
      return encodeDeleteLink(change.name);
    case "set-link-up":
      return encodeLinkUp(change.link);
    case "add-address":
      return encodeLinkAddress("add", change.address, change.withoutRoute);
    case "lease-address":
      return encodeLease(change.address, change.seconds);
    case "delete-address":
      return encodeLinkAddress("delete", change.address);
    case "replace-route":
      return encodeRoute("replace", change.route);
    case "delete-route":
      return encodeRoute("delete", change.route);
    case "add-rule":
      return encodeRule("add", change.rule);
    case "delete-rule":
      return encodeRule("delete", change.rule);
    case "add-proxy-neighbour":
      return encodeProxyNeighbour("add", change.neighbour);
    case "delete-proxy-neighbour":
      return encodeProxyNeighbour("delete", change.neighbour);
  }
}

/** Makes the changes in order, going on after a failure, and returns the failures in order. */
export function applyChanges(socket: NetlinkSocket, changes: readonly KernelChange[]): ChangeFailure[] {
  const answers = socket.requestAll(changes.map(encodeChange));
  const failures: ChangeFailure[] = [];
  // Sparse: only failures have a place.
  answers.forEach((answer, index) => {
    const failure = failureOf(socket, changes[index] as KernelChange, answer);
    if (failure !== undefined) failures.push(failure);
  });
  return failures;
}

function failureOf(
  socket: NetlinkSocket,
  change: KernelChange,
  { errno, detail }: Acknowledgement,
): ChangeFailure | undefined {
  if (errno === undefined || TRUE_ALREADY[change.type].includes(errno)) return undefined;
  if (errno === "EEXIST" && change.type === "add-link" && adoptLink(socket, change)) return undefined;
  if (errno === "EEXIST" && change.type === "add-address" && hasAddress(socket, change.address))
    return undefined;
  return { change, errno, ...(detail === undefined ? {} : { detail }) };
}

/** True when the link of this name is of the kind asked for; its MAC address is then set right. */
function adoptLink(socket: NetlinkSocket, change: Extract<KernelChange, { type: "add-link" }>): boolean {
  const link = readLink(socket, change.name);
  if (link === undefined || link.kind !== change.kind) return false;
  if (change.mac === undefined || link.mac === change.mac) return true;
  return socket.request(encodeLinkMac(link.index, change.mac)).errno === undefined;
}

/** True when exactly this address is there, not just the same one with another prefix length. */
function hasAddress(socket: NetlinkSocket, { link, address, prefixLength }: LinkAddress): boolean {
  return readAddresses(socket).some(
    (other) =>
      other.link === link && other.prefixLength === prefixLength && isSameAddress(other.address, address),
  );
}
