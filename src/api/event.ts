import type { WatchChange, WatchEvent } from "../control/index.ts";
import {
  encodeBackendsResource,
  encodeChainResource,
  encodeEndpointResource,
  encodeExceptionResource,
  encodeFabricResource,
  encodeHostResource,
  encodeNetworkResource,
  encodePolicyResource,
  encodeRelocationResource,
  encodeSegmentResource,
  encodeServiceResource,
  encodeTenantResource,
  encodeVirtualIpResource,
} from "../schema/index.ts";

/** What was sent before: watchers share the bytes of the events and the text of the changes that they share. */
const bytesOf = new WeakMap<WatchEvent, Buffer>();
const textOf = new WeakMap<WatchChange, string>();

/** The bytes of a server-sent event with all changes of one revision. */
export function encodeEvent(event: WatchEvent): Buffer {
  const known = bytesOf.get(event);
  if (known !== undefined) return known;
  const { revision } = event;
  const changes = event.changes.map((change) => encodeChange(change, revision)).join();
  const data = `{"revision":${revision},"changes":[${changes}]}`;
  const bytes = Buffer.from(`id: ${revision}\nevent: change\ndata: ${data}\n\n`);
  bytesOf.set(event, bytes);
  return bytes;
}

function encodeChange(change: WatchChange, revision: number): string {
  const known = textOf.get(change);
  if (known !== undefined) return known;
  const { kind, type } = change;
  const text = JSON.stringify({ kind, type, object: encodeObject(change, revision) });
  textOf.set(change, text);
  return text;
}

function encodeObject(change: WatchChange, revision: number): object {
  switch (change.kind) {
    case "networks":
      return encodeNetworkResource(change.object, revision);
    case "hosts":
      return encodeHostResource(change.object, revision);
    case "tenants":
      return encodeTenantResource(change.object, revision);
    case "segments":
      return encodeSegmentResource(change.object, revision);
    case "policies":
      return encodePolicyResource(change.object, revision);
    case "exceptions":
      return encodeExceptionResource(change.object, revision);
    case "relocations":
      return encodeRelocationResource(change.object, revision);
    case "virtualIps":
      return encodeVirtualIpResource(change.object, revision);
    case "services":
      return encodeServiceResource(change.object, revision);
    case "chains":
      return encodeChainResource(change.object, revision);
    case "fabrics":
      return encodeFabricResource(change.object, revision);
    case "backends":
      return encodeBackendsResource(change.object, revision);
    case "endpoints":
      return encodeEndpointResource(change.object, revision);
  }
}
