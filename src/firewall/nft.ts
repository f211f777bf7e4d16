import {
  addressBits,
  type Family,
  formatAddress,
  formatPrefix,
  type Prefix,
  prefixMask,
} from "../net/index.ts";
import { NEIGHBOUR_DISCOVERY_HOP_LIMIT } from "../policy/index.ts";
import type { Chain, Element, Hook, KeyField, KeyPart, Match, NamedSet, Rule, Table } from "./table.ts";

/** Packets and bytes that a counter starts with. */
export interface CounterValue {
  readonly packets: number;
  readonly bytes: number;
}

/**
 * The table as one transaction for `nft -f`: whatever stood there before is replaced as a whole or, when the
 * kernel refuses, stays as it was. Counters go on from the given values, since replacing sets them to zero.
 */
export function renderTable(table: Table, counters: ReadonlyMap<string, CounterValue> = new Map()): string {
  const body = [
    ...table.counters.map((name) => counterText(name, counters.get(name))),
    ...table.sets.map(setText),
    ...table.chains.map(chainText),
  ];
  // "destroy" is younger than nft 1.0.6: adding first makes deleting safe.
  return [
    `add table inet ${table.name}`,
    `delete table inet ${table.name}`,
    `table inet ${table.name} {`,
    body.map(indent).join("\n\n"),
    "}",
    "",
  ].join("\n");
}

function counterText(name: string, value: CounterValue = { packets: 0, bytes: 0 }): string {
  return block(`counter ${name}`, [`packets ${value.packets} bytes ${value.bytes}`]);
}

function setText({ name, comment, key, hasRanges, hasCounters, elements }: NamedSet): string {
  const lines = [`type ${key.join(" . ")}`];
  if (hasRanges) lines.push("flags interval");
  if (hasCounters) lines.push("counter");
  lines.push(`comment "${comment}"`);
  if (elements.length > 0) {
    lines.push(`elements = {\n${elements.map((element) => `    ${elementText(element)},`).join("\n")}\n}`);
  }
  return block(
    `set ${name}`,
    lines.flatMap((line) => line.split("\n")),
  );
}

function elementText(element: Element): string {
  return element.map(keyPartText).join(" . ");
}

const PROTOCOL_NAMES: ReadonlyMap<number, string> = new Map([
  [6, "tcp"],
  [17, "udp"],
  [132, "sctp"],
]);

const FAMILY_NAMES: ReadonlyMap<number, string> = new Map([
  [2, "ipv4"],
  [10, "ipv6"],
]);

function keyPartText(part: KeyPart): string {
  switch (part.type) {
    case "ifname":
      return `"${part.value}"`;
    case "ipv4_addr":
      return rangeText(part, (value) => formatAddress({ family: 4, value }));
    case "ipv6_addr":
      return rangeText(part, (value) => formatAddress({ family: 6, value }));
    case "inet_proto":
      return part.last === undefined
        ? (PROTOCOL_NAMES.get(part.value) ?? `${part.value}`)
        : rangeText(part, String);
    case "nf_proto":
      return FAMILY_NAMES.get(part.value) ?? `${part.value}`;
    default:
      return rangeText(part, String);
  }
}

function rangeText<T>(
  { value, last }: { readonly value: T; readonly last?: T },
  textOf: (value: T) => string,
): string {
  return last === undefined || last === value ? textOf(value) : `${textOf(value)}-${textOf(last)}`;
}

const HOOKS: Readonly<Record<Hook, string>> = {
  input: "type filter hook input priority filter; policy accept;",
  forward: "type filter hook forward priority filter; policy accept;",
  output: "type filter hook output priority filter; policy accept;",
  "raw-prerouting": "type filter hook prerouting priority raw; policy accept;",
  "raw-output": "type filter hook output priority raw; policy accept;",
};

function chainText({ name, hook, rules }: Chain): string {
  const head = hook === undefined ? [] : [HOOKS[hook]];
  return block(`chain ${name}`, [...head, ...rules.map(ruleText)]);
}

function ruleText({ matches, counter, log, verdict }: Rule): string {
  const words = matches.map(matchText);
  if (counter !== undefined) words.push(`counter name ${counter}`);
  if (log !== undefined) {
    words.push(`limit rate ${log.perSecond}/second burst ${log.perSecond} packets`);
    words.push(`log prefix "${log.prefix}" group ${log.group}`);
  }
  if (verdict.kind === "goto" || verdict.kind === "jump") words.push(`${verdict.kind} ${verdict.chain}`);
  else if (verdict.kind !== "continue") words.push(verdict.kind);
  return words.join(" ");
}

function matchText(match: Match): string {
  switch (match.kind) {
    case "source":
      return `${addressField(match.prefix.family, "source")} ${prefixText(match.prefix)}`;
    case "not-source":
      return `${addressField(match.prefix.family, "source")} != ${prefixText(match.prefix)}`;
    case "not-destination":
      return `${addressField(match.prefix.family, "destination")} != ${prefixText(match.prefix)}`;
    case "input-device":
      return `iif ${match.index}`;
    case "destination":
      return `${addressField(match.prefix.family, "destination")} ${prefixText(match.prefix)}`;
    case "lookup":
      return `${match.key.map(fieldText).join(" . ")} ${match.negated ? "!= " : ""}@${match.set}`;
    case "mark":
      return `meta mark & ${markText(match.mask)} == ${markText(match.value)}`;
    case "established":
      return "ct state established,related";
    case "input-name":
      return `iifname "${match.name}"`;
    case "output-name":
      return `oifname "${match.name}"`;
    case "loopback":
      return "iif lo";
    case "output-loopback":
      return "oif lo";
    case "family":
      return `meta nfproto ipv${match.family}`;
    case "to-this-machine":
      return "fib daddr type local";
    case "protocol-port":
      return `meta l4proto ${match.protocol} th dport ${match.port}`;
    case "echo-request":
      return match.family === 4 ? "icmp type echo-request" : "icmpv6 type echo-request";
    case "neighbour-discovery":
      return `icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit ${NEIGHBOUR_DISCOVERY_HOP_LIMIT}`;
    case "router-discovery":
      return "icmpv6 type { nd-router-solicit, nd-router-advert, mld-listener-query, mld-listener-report, mld2-listener-report }";
    case "router-solicitation":
      return `icmpv6 type nd-router-solicit ip6 hoplimit ${NEIGHBOUR_DISCOVERY_HOP_LIMIT}`;
    case "dhcp-request":
      return match.family === 4
        ? "ip daddr 255.255.255.255 udp sport 68 udp dport 67"
        : "ip6 daddr ff02::1:2 udp sport 546 udp dport 547";
    case "starting-source":
      return "ip6 saddr { ::, fe80::/10 }";
    case "redirect":
      return "icmp type redirect";
    case "multicast":
      return "meta pkttype { broadcast, multicast }";
  }
}

function markText(mark: number): string {
  return `0x${mark.toString(16).padStart(8, "0")}`;
}

function fieldText(field: KeyField): string {
  switch (field.field) {
    case "input-index":
      return "iif";
    case "input-name":
      return "iifname";
    case "output-name":
      return "oifname";
    case "family":
      return "meta nfproto";
    case "protocol":
      return "meta l4proto";
    case "icmp-type":
      return field.family === 4 ? "icmp type" : "icmpv6 type";
    case "icmp-code":
      return field.family === 4 ? "icmp code" : "icmpv6 code";
    case "destination-port":
      return "th dport";
    case "source":
    case "destination": {
      const name = addressField(field.family, field.field);
      const full = prefixMask(field.family, addressBits(field.family));
      return field.mask === full
        ? name
        : `${name} & ${formatAddress({ family: field.family, value: field.mask })}`;
    }
  }
}

function addressField(family: Family, side: "source" | "destination"): string {
  return `${family === 4 ? "ip" : "ip6"} ${side === "source" ? "saddr" : "daddr"}`;
}

function prefixText(prefix: Prefix): string {
  return prefix.length === addressBits(prefix.family) ? formatAddress(prefix) : formatPrefix(prefix);
}

function block(head: string, lines: readonly string[]): string {
  return [`${head} {`, ...lines.map((line) => `  ${line}`), "}"].join("\n");
}

function indent(text: string): string {
  return text.replace(/^(?=.)/gm, "  ");
}
