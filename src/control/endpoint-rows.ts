import { V1_RESERVED_VALUES } from "../addressing/index.ts";
import type { AddressPlan } from "../model/index.ts";
import { type Family, formatAddress } from "../net/index.ts";
import type { FindingKind } from "./findings.ts";
import { ID_DIGITS, PREFIX, readId, readPlace } from "./keys.ts";
import { decodeEndpointRecord, type EndpointRecord } from "./records.ts";
import type { CodePlace, World } from "./world.ts";

/** What is wrong with a row. */
export interface Fault {
  readonly kind: FindingKind;
  readonly message: string;
}

/** A part of a text, so that nothing is copied for a million rows. */
export interface Slice {
  text: string;
  start: number;
  end: number;
}

/** Everything about a place that its rows are held against. */
interface PlaceCheck {
  /** Start of the keys of its rows. */
  readonly start: string;
  readonly tenant: string;
  /** Why all of its rows are wrong; undefined when the place is right. */
  readonly fault: Fault | undefined;
  readonly code: CodePlace | undefined;
  readonly ipv4: AddressColumn | undefined;
  readonly ipv6: AddressColumn | undefined;
  /** How the values of its rows start. */
  readonly head: string;
}

/** The addresses that the rows of a place must have in one family. */
interface AddressColumn {
  readonly family: Family;
  readonly base: bigint;
  readonly plan: AddressPlan;
  /** For IPv4 and no stride: the base as a number. */
  readonly number: number;
  /** For IPv6 and no stride: what stands before the last group, and the base's share of it. */
  readonly text: string;
  readonly low: number;
}

const IPV6_FIELD = ',"ipv6":"';
const NAME_FIELD = ',"name":"';
const TOKEN_FIELD = ',"requestToken":"';
const EXTERNAL_ID_FIELD = ',"externalId":"';
const CREATED_AT_FIELD = ',"createdAt":';
/** Where the fields above have the letter that tells them apart. */
const LETTER = 2;

/**
 * Holds rows of endpoints against the nouns. A row that looks exactly as this program writes it is read as text,
 * without making objects; every other one is decoded and judged by the slow, plain reading, which has the last word.
 */
export class EndpointRows {
  readonly #world: World;
  #place: PlaceCheck | undefined;
  /** Endpoint ID of the row that was read last. */
  #id = 0;
  /** Name and token of the row that was read last; empty slices when it has none. */
  readonly name: Slice = { text: "", start: 0, end: 0 };
  readonly token: Slice = { text: "", start: 0, end: 0 };
  /** The segment that the endpoint of the row that was read last acts as. */
  actsAs: string | undefined;
  /** The host where it is, when its address says another one. */
  locatedOn: string | undefined;
  /** The workload that it was allocated for. */
  workload: string | undefined;

  constructor(world: World) {
    this.#world = world;
  }

  /** Reads a row; returns what is wrong with it. Afterwards {@link name}, {@link token} and {@link tenant} are its. */
  check(key: string, value: string): Fault | undefined {
    this.actsAs = undefined;
    this.locatedOn = undefined;
    this.workload = undefined;
    const place = this.#placeOf(key);
    if (place === undefined) {
      this.#clear();
      return { kind: "unknown-key", message: "The key names no host, network, tenant, code and endpoint ID" };
    }
    const id = this.#id;
    if (place.fault === undefined && this.#isPlain(place, id, value)) {
      return rangeFault(place.code as CodePlace, id);
    }
    return this.#checkSlowly(place, id, value);
  }

  /** Tenant of the row that was read last. */
  get tenant(): string {
    return this.#place?.tenant ?? "";
  }

  #clear(): void {
    this.name.end = this.name.start;
    this.token.end = this.token.start;
  }

  #placeOf(key: string): PlaceCheck | undefined {
    const known = this.#place;
    if (known !== undefined && key.length === known.start.length + ID_DIGITS && key.startsWith(known.start)) {
      const id = readId(key, known.start.length);
      if (id !== undefined) {
        this.#id = id;
        return known;
      }
    }
    const start = key.slice(0, -ID_DIGITS);
    const id = readId(key, start.length);
    this.#place = id === undefined || !start.endsWith("/") ? undefined : this.#open(start);
    this.#id = id ?? 0;
    return this.#place;
  }

  #open(start: string): PlaceCheck | undefined {
    const text = start.slice(PREFIX.endpoint.length, -1);
    const place = readPlace(text);
    if (place === undefined) return undefined;
    const { host, network, tenant, code } = place;
    const codePlace = this.#world.codePlace(text.slice(host.length + 1), code);
    const bases = this.#world.hostBases(`${host}/${network}`);
    const plans = this.#world.networks.get(network)?.network.plans;
    if (codePlace === undefined || bases === undefined || plans === undefined) {
      return {
        start,
        tenant,
        fault: this.#placeFault(host, network, tenant, text),
        code: undefined,
        ipv4: undefined,
        ipv6: undefined,
        head: "",
      };
    }
    const first = plans.ipv4 === undefined ? "ipv6" : "ipv4";
    return {
      start,
      tenant,
      fault: undefined,
      code: codePlace,
      ipv4: columnOf(4, plans.ipv4, bases.ipv4, codePlace.ipv4),
      ipv6: columnOf(6, plans.ipv6, bases.ipv6, codePlace.ipv6),
      head: `{"segment":"${codePlace.segment}","${first}":"`,
    };
  }

  #placeFault(host: string, network: string, tenant: string, place: string): Fault {
    const { hosts, networks, tenants } = this.#world;
    const missing = [
      hosts.has(host) ? [] : [`host "${host}"`],
      networks.has(network) ? [] : [`network "${network}"`],
      tenants.has(tenant) ? [] : [`tenant "${tenant}"`],
    ].flat();
    if (missing.length > 0) {
      return {
        kind: "dangling-reference",
        message: `The endpoint belongs to ${missing.join(" and ")}, not there`,
      };
    }
    const code = place.slice(place.lastIndexOf("/") + 1);
    if (this.#world.ownerOf(`${tenant}/${code}`) === undefined) {
      return { kind: "unowned-code", message: `Code ${code} of tenant "${tenant}" belongs to no segment` };
    }
    return {
      kind: "id-out-of-bounds",
      message: `IDs of host, tenant or code do not fit network "${network}"`,
    };
  }

  /** True when the value is exactly what this program writes for an endpoint with this ID at this place. */
  #isPlain(place: PlaceCheck, id: number, value: string): boolean {
    if (!value.startsWith(place.head)) return false;
    let at = place.head.length;
    if (place.ipv4 !== undefined) {
      at = afterIpv4(place.ipv4, id, value, at);
      if (at < 0) return false;
      if (place.ipv6 !== undefined) {
        if (!value.startsWith(IPV6_FIELD, at)) return false;
        at += IPV6_FIELD.length;
      }
    }
    if (place.ipv6 !== undefined) {
      at = afterIpv6(place.ipv6, id, value, at);
      if (at < 0) return false;
    }
    at = takeField(value, at, NAME_FIELD, this.name);
    at = at < 0 ? at : takeField(value, at, TOKEN_FIELD, this.token);
    at = at < 0 ? at : takeField(value, at, EXTERNAL_ID_FIELD, undefined);
    return at >= 0 && isEnd(value, at);
  }

  #checkSlowly(place: PlaceCheck, id: number, value: string): Fault | undefined {
    let record: EndpointRecord;
    try {
      record = decodeEndpointRecord(value);
    } catch {
      this.#clear();
      return { kind: "unparsable-value", message: "The value is not an endpoint" };
    }
    put(this.name, record.name);
    put(this.token, record.requestToken);
    this.actsAs = record.actsAs;
    this.locatedOn = record.locatedOn;
    this.workload = record.workload;
    if (place.fault !== undefined) return place.fault;
    const code = place.code as CodePlace;
    const range = rangeFault(code, id);
    if (range !== undefined) return range;
    if (record.segment !== code.segment) {
      const message = `The endpoint says segment "${record.segment}", but its code belongs to "${code.segment}"`;
      return { kind: "wrong-segment", message };
    }
    for (const [column, address] of [
      [place.ipv4, record.addresses.ipv4],
      [place.ipv6, record.addresses.ipv6],
    ] as const) {
      const wanted = column && formatAddress({ family: column.family, value: addressAt(column, id) });
      const found = address && formatAddress(address);
      if (wanted === found) continue;
      const message = `The endpoint says address ${found ?? "none"}, but its IDs make ${wanted ?? "none"}`;
      return { kind: "wrong-address", message };
    }
    return undefined;
  }
}

function columnOf(
  family: Family,
  plan: AddressPlan | undefined,
  host: bigint | undefined,
  code: bigint | undefined,
): AddressColumn | undefined {
  if (plan === undefined || host === undefined || code === undefined) return undefined;
  const base = host + code + (plan.numbering === "v1" ? BigInt(V1_RESERVED_VALUES) : 0n);
  const isPlain = plan.strideBits === 0;
  if (family === 4) return { family, base, plan, number: isPlain ? Number(base) : -1, text: "", low: 0 };
  const low = Number(base & 0xffffn);
  // With a last group that is not zero, all before it reads the same whatever the last group is.
  const text = formatAddress({ family, value: base - BigInt(low) + 1n }).slice(0, -1);
  return { family, base, plan, number: -1, text: isPlain ? text : "", low };
}

function addressAt({ base, plan }: AddressColumn, id: number): bigint {
  return base + (BigInt(id) << BigInt(plan.strideBits));
}

function rangeFault({ range, network, segment }: CodePlace, id: number): Fault | undefined {
  if (id < range.first || id > range.last) {
    const message = `Endpoint ID ${id} is not in ${range.first}..${range.last} of segment "${segment}"`;
    return { kind: "id-out-of-bounds", message: `${message} in network "${network.name}"` };
  }
  if (!range.reserved.includes(id)) return undefined;
  return { kind: "reserved-id", message: `Endpoint ID ${id} is reserved in network "${network.name}"` };
}

/** The place behind the IPv4 address that the ID makes and its closing quote; −1 when something else stands there. */
function afterIpv4(column: AddressColumn, id: number, value: string, start: number): number {
  if (column.number < 0)
    return afterText(formatAddress({ family: 4, value: addressAt(column, id) }), value, start);
  let number = 0;
  let octet = 0;
  let digits = 0;
  let dots = 0;
  for (let at = start; ; at++) {
    const unit = value.charCodeAt(at);
    if (unit >= 48 && unit <= 57) {
      // No leading zeros: the text is the canonical one or it is read slowly.
      if (digits > 0 && octet === 0) return -1;
      octet = octet * 10 + unit - 48;
      digits++;
    } else if (digits === 0 || digits > 3 || octet > 255) {
      return -1;
    } else {
      number = number * 256 + octet;
      if (unit === 34) return dots === 3 && number === column.number + id ? at + 1 : -1;
      if (unit !== 46 || ++dots > 3) return -1;
      octet = 0;
      digits = 0;
    }
  }
}

/** The same for IPv6. */
function afterIpv6(column: AddressColumn, id: number, value: string, start: number): number {
  const last = column.low + id;
  if (column.text === "" || last === 0 || last > 0xffff) {
    return afterText(formatAddress({ family: 6, value: addressAt(column, id) }), value, start);
  }
  if (!value.startsWith(column.text, start)) return -1;
  const from = start + column.text.length;
  let number = 0;
  for (let at = from; ; at++) {
    const unit = value.charCodeAt(at);
    if (unit === 34) return number === last ? at + 1 : -1;
    const digit = unit <= 57 ? unit - 48 : unit - 87;
    // Anything but a hexadecimal digit, a leading zero, too many: it is read slowly.
    if (
      !(digit >= 0 && digit <= 15) ||
      (unit > 57 && unit < 97) ||
      (digit === 0 && at === from) ||
      at > from + 3
    )
      return -1;
    number = number * 16 + digit;
  }
}

function afterText(text: string, value: string, start: number): number {
  const end = start + text.length;
  return value.startsWith(text, start) && value.charCodeAt(end) === 34 ? end + 1 : -1;
}

/** The place behind a text field, if it is there; −1 when it must be read slowly. */
function takeField(value: string, start: number, field: string, into: Slice | undefined): number {
  if (value.charCodeAt(start + LETTER) !== field.charCodeAt(LETTER) || !value.startsWith(field, start)) {
    if (into !== undefined) into.end = into.start;
    return start;
  }
  const from = start + field.length;
  let end = from;
  for (; ; end++) {
    const unit = value.charCodeAt(end);
    if (unit === 34) break;
    // An escape, a control character that JSON does not allow, or the end of the text.
    if (unit === 92 || !(unit >= 32)) return -1;
  }
  if (end === from) return -1;
  if (into !== undefined) {
    into.text = value;
    into.start = from;
    into.end = end;
  }
  return end + 1;
}

/** True when `,"createdAt":DIGITS}` ends the text here. */
function isEnd(value: string, start: number): boolean {
  if (!value.startsWith(CREATED_AT_FIELD, start)) return false;
  const from = start + CREATED_AT_FIELD.length;
  const end = value.length - 1;
  if (end <= from || value.charCodeAt(end) !== 125) return false;
  if (end - from > 1 && value.charCodeAt(from) === 48) return false;
  for (let at = from; at < end; at++) {
    const unit = value.charCodeAt(at);
    if (unit < 48 || unit > 57) return false;
  }
  return true;
}

function put(slice: Slice, text: string | undefined): void {
  slice.text = text ?? "";
  slice.start = 0;
  slice.end = slice.text.length;
}
