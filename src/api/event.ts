import type { WatchChange, WatchEvent } from "../control/index.ts";
import {
  encodeEndpointResource,
  encodeHostResource,
  encodeNetworkResource,
  encodeSegmentResource,
  encodeTenantResource,
} from "../schema/index.ts";

/** Events that were sent before: watchers of the same things share the bytes as they share the event. */
const encoded = new WeakMap<WatchEvent, Buffer>();

/** The bytes of a server-sent event with all changes of one revision. */
export function encodeEvent(event: WatchEvent): Buffer {
  let bytes = encoded.get(event);
  if (bytes === undefined) {
    const { revision } = event;
    const changes = event.changes.map((change) => ({
      kind: change.kind,
      type: change.type,
      object: encodeObject(change, revision),
    }));
    const data = JSON.stringify({ revision, changes });
    bytes = Buffer.from(`id: ${revision}\nevent: change\ndata: ${data}\n\n`);
    encoded.set(event, bytes);
  }
  return bytes;
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
    case "endpoints":
      return encodeEndpointResource(change.object, revision);
  }
}
