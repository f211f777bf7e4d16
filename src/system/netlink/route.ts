import { type Address, addressBits, type Family, type Prefix } from "../../net/index.ts";
import type { KernelRoute } from "../kernel.ts";
import { ADDRESS_FAMILY, FLAG, RTM } from "./constants.ts";
import { Attributes, type Message, readAddress } from "./reader.ts";
import type { RequestEncoder } from "./socket.ts";

/** Bytes of `struct rtmsg`. */
const HEADER = 12;
const RTA = { DST: 1, OIF: 4, GATEWAY: 5, PRIORITY: 6, PREFSRC: 7, TABLE: 15, VIA: 18 } as const;

/** `RTN_…`: the types that Romana makes or may find where its own routes belong. */
const TYPE_NUMBERS: Record<KernelRoute["type"], number> = {
  unicast: 1,
  blackhole: 6,
  unreachable: 7,
  prohibit: 8,
  throw: 9,
};
const TYPE_NAMES = new Map(
  Object.entries(TYPE_NUMBERS).map(([name, number]) => [number, name as KernelRoute["type"]]),
);

const SCOPE_UNIVERSE = 0;
const SCOPE_LINK = 253;
/** Matches any scope in a deletion. */
const SCOPE_NOWHERE = 255;

/** A routing table of up to 255 also stands in the header; larger numbers only in the attribute. */
function tableByte(table: number): number {
  return table < 256 ? table : 0;
}

/** Writes the route into its slot (table, destination, metric), whatever was there, or deletes exactly it. */
export function encodeRoute(type: "replace" | "delete", route: KernelRoute): RequestEncoder {
  const { family, value, length } = route.destination;
  return (writer, sequence) => {
    let scope: number = SCOPE_NOWHERE;
    if (type === "replace") {
      scope = route.type === "unicast" && route.gateway === undefined ? SCOPE_LINK : SCOPE_UNIVERSE;
      writer.beginMessage(RTM.NEWROUTE, FLAG.REQUEST | FLAG.CREATE | FLAG.REPLACE, sequence);
    } else {
      writer.beginMessage(RTM.DELROUTE, FLAG.REQUEST, sequence);
    }
    writer.u8(ADDRESS_FAMILY[family]);
    writer.u8(length);
    writer.u16(0);
    writer.u8(tableByte(route.table));
    writer.u8(route.protocol);
    writer.u8(scope);
    writer.u8(TYPE_NUMBERS[route.type]);
    writer.u32(0);
    if (length > 0) writer.attributeAddress(RTA.DST, family, value);
    writer.attributeU32(RTA.TABLE, route.table);
    if (route.gateway !== undefined) {
      writer.attributeAddress(RTA.GATEWAY, route.gateway.family, route.gateway.value);
    }
    if (route.device !== undefined) writer.attributeU32(RTA.OIF, route.device);
    if (route.source !== undefined) {
      writer.attributeAddress(RTA.PREFSRC, route.source.family, route.source.value);
    }
    if (route.metric !== 0) writer.attributeU32(RTA.PRIORITY, route.metric);
    writer.endMessage();
  };
}

/** Asks for a dump of one table, of one protocol or (0) all. */
export function encodeGetRoutes(family: Family, table: number, protocol: number): RequestEncoder {
  return (writer, sequence) => {
    writer.beginMessage(RTM.GETROUTE, FLAG.REQUEST, sequence);
    writer.u8(ADDRESS_FAMILY[family]);
    writer.u8(0);
    writer.u16(0);
    writer.u8(tableByte(table));
    writer.u8(protocol);
    writer.u16(0);
    writer.u32(0);
    writer.attributeU32(RTA.TABLE, table);
    writer.endMessage();
  };
}

/** The route of an `RTM_NEWROUTE` or `RTM_DELROUTE` message; undefined for local, broadcast and multicast ones. */
export function decodeRoute(bytes: Buffer, message: Message): KernelRoute | undefined {
  const { start } = message;
  const family = bytes[start] === ADDRESS_FAMILY[4] ? 4 : 6;
  if (family === 6 && bytes[start] !== ADDRESS_FAMILY[6]) return undefined;
  const type = TYPE_NAMES.get(bytes[start + 7] as number);
  if (type === undefined) return undefined;
  const attributes = new Attributes(bytes, start + HEADER, message.end, RTA.VIA);
  const gateway = attributes.address(RTA.GATEWAY, family) ?? decodeVia(bytes, attributes);
  // The kernel hangs IPv6 routes that lead nowhere on the loopback device.
  const device = type === "unicast" ? attributes.u32(RTA.OIF) : undefined;
  const source = attributes.address(RTA.PREFSRC, family);
  return {
    destination: decodeDestination(bytes, start, attributes, family),
    type,
    ...(gateway === undefined ? {} : { gateway }),
    ...(device === undefined ? {} : { device }),
    ...(source === undefined ? {} : { source }),
    table: attributes.u32(RTA.TABLE) ?? (bytes[start + 4] as number),
    metric: attributes.u32(RTA.PRIORITY) ?? 0,
    protocol: bytes[start + 5] as number,
  };
}

function decodeDestination(bytes: Buffer, start: number, attributes: Attributes, family: Family): Prefix {
  const value = attributes.address(RTA.DST, family)?.value ?? 0n;
  return { family, value, length: Math.min(bytes[start + 1] as number, addressBits(family)) };
}

/** The gateway of an IPv4 route via IPv6: a family in 16 bits, then the address. */
function decodeVia(bytes: Buffer, attributes: Attributes): Address | undefined {
  const at = attributes.start(RTA.VIA);
  if (at === 0 || bytes.readUInt16LE(at) !== ADDRESS_FAMILY[6]) return undefined;
  return readAddress(bytes, at + 2, 6);
}
