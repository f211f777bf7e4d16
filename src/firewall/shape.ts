import type { Family, Prefix } from "../net/index.ts";
import type { RuleEntry } from "../rules/index.ts";
import type { Range } from "./boxes.ts";
import type { Side, SideClass } from "./sides.ts";
import type { Element, KeyField, KeyPart, KeyType } from "./table.ts";

/** What of a packet's traffic is looked at. */
type TrafficForm = "any" | "protocol" | "port" | "icmp";

/** Which fields a set's keys are made of: entries of one shape share a set and a rule. */
export interface Shape {
  readonly family: Family;
  readonly subject: Pick<Side, "class" | "form" | "mask" | "interfaces" | "addresses">;
  readonly peer: Pick<Side, "class" | "form" | "mask">;
  readonly traffic: TrafficForm;
  readonly hasRanges: boolean;
}

/** One combination in one family, with the values of its shape's fields. */
export interface Combination {
  readonly shape: Shape;
  /** Text that is equal for equal shapes. */
  readonly signature: string;
  /** One for each field, in the order of {@link fieldsOf}. */
  readonly ranges: readonly Range[];
}

const ALL_PROTOCOLS: Range = [0n, 255n];
const ALL_CODES: Range = [0n, 255n];
const ICMP: Readonly<Record<Family, number>> = { 4: 1, 6: 58 };

/** A pair of sides with traffic; undefined when the family has no such traffic. */
export function combine(
  family: Family,
  subject: Side,
  peer: Side,
  { family: only, protocol, ports, icmp }: RuleEntry["traffic"],
): Combination | undefined {
  if ((only ?? family) !== family || protocol === ICMP[family === 4 ? 6 : 4]) return undefined;
  const isWide = subject.form === "range" || peer.form === "range";
  const sides = [subject, peer].flatMap((side): Range[] =>
    side.form === "none" ? [] : [[side.first, side.last]],
  );
  const number = BigInt(protocol ?? 0);
  const make = (traffic: TrafficForm, hasRanges: boolean, ...first: Range[]): Combination => {
    const shape = { family, subject, peer, traffic, hasRanges };
    return { shape, signature: signatureOf(shape), ranges: [...first, ...sides] };
  };
  if (icmp !== undefined) {
    const codes: Range = icmp.code === undefined ? ALL_CODES : [BigInt(icmp.code), BigInt(icmp.code)];
    return make("icmp", true, [BigInt(icmp.type), BigInt(icmp.type)], codes);
  }
  if (ports !== undefined) {
    const range: Range = [BigInt(ports.first), BigInt(ports.last)];
    return make("port", isWide || ports.first !== ports.last, [number, number], range);
  }
  if (isWide) return make("protocol", true, protocol === undefined ? ALL_PROTOCOLS : [number, number]);
  if (protocol !== undefined) return make("protocol", false, [number, number]);
  // A set needs a key: with nothing else to look at it is the family, which is known.
  return make("any", false, ...(sides.length === 0 ? [[FAMILY[family], FAMILY[family]] as const] : []));
}

const FAMILY: Readonly<Record<Family, bigint>> = { 4: 2n, 6: 10n };

/**
 * Where a shape's keys come from in a packet, when subject and peer are these ends of it. Traffic comes first: to delete
 * an element of a set with ranges the kernel compares it with all others, part by part, and addresses are the slowest.
 */
export function fieldsOf(
  { family, subject, peer, traffic }: Shape,
  subjectEnd: "source" | "destination",
): readonly KeyField[] {
  const peerEnd = subjectEnd === "source" ? "destination" : "source";
  const sides = [
    ...addressField(family, subject, subjectEnd),
    ...addressField(family, peer, peerEnd),
  ] as const;
  switch (traffic) {
    case "any":
      return sides.length === 0 ? [{ field: "family" }] : sides;
    case "protocol":
      return [{ field: "protocol" }, ...sides];
    case "port":
      return [{ field: "protocol" }, { field: "destination-port" }, ...sides];
    case "icmp":
      return [{ field: "icmp-type", family }, { field: "icmp-code", family }, ...sides];
  }
}

/** The types of a shape's fields. */
export function typesOf({ family, subject, peer, traffic }: Shape): readonly KeyType[] {
  const sides = [subject, peer]
    .filter(({ form }) => form !== "none")
    .map((): KeyType => (family === 4 ? "ipv4_addr" : "ipv6_addr"));
  switch (traffic) {
    case "any":
      return sides.length === 0 ? ["nf_proto"] : sides;
    case "protocol":
      return ["inet_proto", ...sides];
    case "port":
      return ["inet_proto", "inet_service", ...sides];
    case "icmp":
      return [...(family === 4 ? ICMP_TYPES : ICMPV6_TYPES), ...sides];
  }
}

const ICMP_TYPES: readonly KeyType[] = ["icmp_type", "icmp_code"];
const ICMPV6_TYPES: readonly KeyType[] = ["icmpv6_type", "icmpv6_code"];

/** Dimensions in which elements of the shape may be wider than one value. */
export function wideFields({ subject, peer, traffic, hasRanges }: Shape): readonly number[] {
  if (!hasRanges) return [];
  const sides = [subject, peer].filter(({ form }) => form !== "none");
  const last = traffic === "protocol" ? 0 : 1;
  return [last, ...sides.flatMap(({ form }, index) => (form === "range" ? [last + 1 + index] : []))];
}

/** The element of a set from the values of the shape's fields. */
export function elementOf(types: readonly KeyType[], ranges: readonly Range[]): Element {
  return ranges.map(([first, last], index): KeyPart => {
    const type = types[index] as KeyType;
    if (type === "ipv4_addr" || type === "ipv6_addr") {
      return first === last ? { type, value: first } : { type, value: first, last };
    }
    const part = {
      type: type as Exclude<KeyType, "ifname" | "ipv4_addr" | "ipv6_addr">,
      value: Number(first),
    };
    return first === last ? part : { ...part, last: Number(last) };
  });
}

/** True when a packet between such parties can be of this shape. */
export function isBetween(
  { subject, peer }: Shape,
  subjects: ReadonlySet<SideClass>,
  peers: ReadonlySet<SideClass>,
): boolean {
  return subjects.has(subject.class) && peers.has(peer.class);
}

function addressField(
  family: Family,
  { form, mask }: Pick<Side, "form" | "mask">,
  field: "source" | "destination",
): readonly KeyField[] {
  if (form === "none") return [];
  return [{ field, family, mask: form === "masked" ? mask : FULL[family] }];
}

const FULL: Readonly<Record<Family, bigint>> = { 4: (1n << 32n) - 1n, 6: (1n << 128n) - 1n };

function signatureOf({ family, subject, peer, traffic, hasRanges }: Shape): string {
  return `${family} ${sideText(subject)} ${sideText(peer)} ${traffic} ${hasRanges ? "ranges" : "exact"}`;
}

function sideText({ class: kind, form, mask, interfaces, addresses }: Shape["subject"]): string {
  const own = kind === "machine" ? JSON.stringify([interfaces, addresses?.map(prefixText)]) : "";
  return `${kind}/${form}/${mask.toString(16)}${own}`;
}

function prefixText({ value, length }: Prefix): string {
  return `${value.toString(16)}/${length}`;
}
