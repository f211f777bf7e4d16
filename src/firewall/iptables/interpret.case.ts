import { type Address, parseAddress, parsePrefix, prefixContains } from "../../net/index.ts";

/** A packet as netfilter sees it. */
export interface WirePacket {
  readonly source: Address;
  readonly destination: Address;
  readonly protocol: number;
  /** Destination port. */
  readonly port?: number;
  readonly icmp?: { readonly type: number; readonly code: number };
  readonly hopLimit: number;
  /** Received by multicast or broadcast of the link. */
  readonly isMulticast: boolean;
  readonly isEstablished: boolean;
  readonly path: "forward" | "input" | "output";
  /** Device that it comes in by, or, on the way out, goes out by. */
  readonly device: string;
}

/** What the rules did. */
export interface IptablesOutcome {
  readonly verdict: "accept" | "drop";
  /** The chain that dropped it. */
  readonly chain?: string;
  /** How often it was sent to a netlink log group. */
  readonly logged: number;
  readonly isTracked: boolean;
  /** What has counted it in table `filter`, in their order: rules, and elements of sets that do. */
  readonly counted: readonly CountedAt[];
}

/** A rule of a chain by its position, or an element of a set. */
export type CountedAt =
  | { readonly chain: string; readonly index: number }
  | { readonly set: string; readonly element: string };

interface ParsedRule {
  readonly words: readonly string[];
}

type Tables = ReadonlyMap<string, ReadonlyMap<string, readonly ParsedRule[]>>;

interface ParsedSet {
  readonly type: string;
  readonly counts: boolean;
  readonly elements: ReadonlySet<string>;
  readonly parsed: readonly (readonly [string, string])[];
}

/** Rules and sets that were read from the texts for the restore programs; applied to empty tables. */
export interface ParsedFirewall {
  readonly tables: Tables;
  readonly sets: ReadonlyMap<string, ParsedSet>;
}

const BUILT_IN = ["PREROUTING", "INPUT", "FORWARD", "OUTPUT"];
const PROTOCOLS: Record<string, number> = { icmp: 1, tcp: 6, udp: 17, "ipv6-icmp": 58, sctp: 132 };

/** Reads both texts of a family. @throws Error for everything that the programs would refuse, or that is not known here. */
export function parseFirewall(ipset: string, iptables: string): ParsedFirewall {
  return { sets: parseSets(ipset), tables: parseTables(iptables) };
}

function parseSets(text: string): Map<string, ParsedSet> {
  const sets = new Map<string, ParsedSet & { elements: Set<string>; parsed: [string, string][] }>();
  for (const line of lines(text)) {
    const [verb, name = "", word = ""] = line.split(" ");
    if (name.length > 31) throw new Error(`name of set ${name} is too long`);
    if (verb === "create") {
      const counts = line.includes(" counters ");
      sets.set(name, { type: word, counts, elements: new Set(), parsed: [] });
      continue;
    }
    const set = sets.get(name);
    if (set === undefined) throw new Error(`no set ${name}`);
    if (verb === "flush") continue;
    if (verb !== "add" || set.elements.has(word)) throw new Error(`cannot ${line}`);
    set.elements.add(word);
    const [net = "", rest = ""] = word.split(",");
    if (net.endsWith("/0") && set.type !== "hash:net,iface") throw new Error(`/0 in ${name}`);
    set.parsed.push([net, rest]);
  }
  return sets;
}

function parseTables(text: string): Tables {
  const tables = new Map<string, Map<string, ParsedRule[]>>();
  let chains = new Map<string, ParsedRule[]>();
  for (const line of lines(text)) {
    const words = line.replace(/^\[\d+:\d+\] /, "").match(/"[^"]*"|\S+/g) as string[];
    const [first = "", chain = ""] = words;
    if (first.startsWith("*")) {
      chains = new Map(BUILT_IN.map((name) => [name, []]));
      tables.set(first.slice(1), chains);
    } else if (first.startsWith(":")) {
      const name = first.slice(1);
      if (!name.startsWith("ROMANA-") || name.length > 28) throw new Error(`bad chain ${name}`);
      chains.set(name, []);
    } else if (first === "-A" || first === "-I") {
      const rules = chains.get(chain);
      if (rules === undefined) throw new Error(`no chain for ${line}`);
      const target = words.at(-2) === "-g" || (words.at(-2) === "-j" && words.at(-1)?.startsWith("ROMANA"));
      if (target && !chains.has(words.at(-1) as string)) throw new Error(`no chain to go to in ${line}`);
      if (first === "-A") rules.push({ words: words.slice(2) });
      else rules.unshift({ words: words.slice(3) });
    } else if (first !== "COMMIT") throw new Error(`cannot read ${line}`);
  }
  return tables;
}

function lines(text: string): readonly string[] {
  return text.split("\n").filter((line) => line !== "");
}

/** Runs a packet through the tables, as the kernel does. */
export function interpretFirewall(firewall: ParsedFirewall, packet: WirePacket): IptablesOutcome {
  const run = new Run(firewall, packet);
  run.hook("raw", packet.path === "output" ? "OUTPUT" : "PREROUTING");
  run.hook("filter", packet.path.toUpperCase());
  const { dropped, logged, isTracked, counted } = run;
  const rest = { logged, isTracked, counted };
  return dropped === undefined
    ? { verdict: "accept", ...rest }
    : { verdict: "drop", chain: dropped, ...rest };
}

/** One packet on its way. */
class Run {
  dropped: string | undefined;
  logged = 0;
  isTracked = true;
  readonly counted: CountedAt[] = [];
  readonly #firewall: ParsedFirewall;
  readonly #packet: WirePacket;

  constructor(firewall: ParsedFirewall, packet: WirePacket) {
    this.#firewall = firewall;
    this.#packet = packet;
  }

  hook(table: string, name: string): void {
    if (this.dropped === undefined) this.#chain(table, name);
  }

  /** True when the packet is settled in this hook; false when the chain was left by its end, or by RETURN. */
  #chain(table: string, name: string): boolean {
    for (const [index, { words }] of (this.#firewall.tables.get(table)?.get(name) ?? []).entries()) {
      const matcher = new Matcher(this.#firewall, this.#packet, this.isTracked);
      const target = matcher.targetOf(words);
      this.counted.push(...matcher.counted);
      if (target === undefined) continue;
      if (table === "filter") this.counted.push({ chain: name, index });
      const [how, where] = target;
      if (how === "-g") return this.#chain(table, where as string);
      if (where === "RETURN") return false;
      if (where === "DROP") {
        this.dropped = name;
        return true;
      }
      if (where === "CT") this.isTracked = false;
      else if (where === "NFLOG") this.logged++;
      else if (this.#chain(table, where as string)) return true;
    }
    return false;
  }
}

/** Reads the words of one rule for one packet. */
class Matcher {
  /** Elements that have counted the packet. */
  readonly counted: CountedAt[] = [];
  readonly #firewall: ParsedFirewall;
  readonly #packet: WirePacket;
  readonly #isTracked: boolean;

  constructor(firewall: ParsedFirewall, packet: WirePacket, isTracked: boolean) {
    this.#firewall = firewall;
    this.#packet = packet;
    this.#isTracked = isTracked;
  }

  /** How and where to go when all words match. */
  targetOf(words: readonly string[]): readonly [string, string] | undefined {
    const rest = [...words];
    let holds = true;
    for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
      if (word === "-j" || word === "-g") return holds ? [word, rest[0] as string] : undefined;
      const isNegated = word === "!";
      const flag = isNegated ? (rest.shift() as string) : word;
      if (flag === "-m") {
        const module = rest.shift();
        if (module === "set" && rest[0] === "!") {
          rest.shift();
          rest.shift();
          holds = !this.#inSet(rest.shift() as string, rest.shift() as string) && holds;
        } else if (module === "limit") rest.splice(0, 4);
        continue;
      }
      if (flag === "--match-set") {
        const [set, flags] = [rest.shift() as string, rest.shift() as string];
        // The kernel looks no further once something does not hold.
        if (holds) this.#count(set, flags);
        holds = this.#inSet(set, flags) && holds;
        continue;
      }
      const value = rest.shift() as string;
      holds = this.#matches(flag, value) !== isNegated && holds;
    }
    throw new Error(`no target in ${words.join(" ")}`);
  }

  #matches(flag: string, value: string): boolean {
    const { source, destination, device, path, protocol, icmp, hopLimit, isMulticast } = this.#packet;
    switch (flag) {
      case "-s":
        return contains(value, source);
      case "-d":
        return contains(value, destination);
      case "-i":
        return path !== "output" && device === value;
      case "-o":
        return path === "output" && device === value;
      case "-p":
        return protocol === (PROTOCOLS[value] ?? Number(value));
      case "--dport": {
        const [first, last = first] = value.split(":").map(Number) as [number, number?];
        const { port } = this.#packet;
        return port !== undefined && port >= first && port <= last;
      }
      case "--icmp-type":
      case "--icmpv6-type": {
        const [type, code] = value.split("/").map(Number);
        return icmp !== undefined && icmp.type === type && (code === undefined || icmp.code === code);
      }
      case "--hl-eq":
        return hopLimit === Number(value);
      case "--pkt-type":
        return value === "multicast" && isMulticast;
      case "--dst-type":
        return path === "input" || (path === "output" && device === "lo");
      case "--ctstate":
        return this.#isTracked && this.#packet.isEstablished;
      default:
        throw new Error(`unknown ${flag}`);
    }
  }

  /** The element with the smallest prefix counts. */
  #count(name: string, flags: string): void {
    if (this.#firewall.sets.get(name)?.counts !== true) return;
    const size = ([net]: readonly [string, string]): number => Number(net.split("/")[1] ?? 128);
    const [found] = this.#found(name, flags).toSorted((a, b) => size(b) - size(a));
    if (found !== undefined) this.counted.push({ set: name, element: found.filter(Boolean).join() });
  }

  #inSet(name: string, flags: string): boolean {
    return this.#found(name, flags).length > 0;
  }

  /** The elements that the packet is in. */
  #found(name: string, flags: string): readonly (readonly [string, string])[] {
    const set = this.#firewall.sets.get(name);
    if (set === undefined) throw new Error(`no set ${name}`);
    const { source, destination, protocol, port, path, device } = this.#packet;
    const address = flags.startsWith("src") ? source : destination;
    const nets = set.parsed.filter(([net]) => contains(net, address));
    switch (set.type) {
      case "hash:net":
        return nets;
      case "hash:net,port":
        if (!flags.endsWith(",dst")) throw new Error(`set ${name} asked for ${flags}`);
        return nets.filter(([, word]) => {
          const [proto = "", number] = word.split(":");
          return PROTOCOLS[proto] === protocol && Number(number) === port;
        });
      case "hash:net,iface":
        return path === "output" ? [] : nets.filter(([, own]) => own === device);
      default:
        throw new Error(`unknown set type ${set.type}`);
    }
  }
}

/** Whether the address is in `ADDRESS`, `ADDRESS/LENGTH` or `ADDRESS/MASK`. */
function contains(text: string, address: Address): boolean {
  const [base = "", mask = ""] = text.split("/");
  const first = parseAddress(base);
  if (first.family !== address.family) throw new Error(`${text} asked of the other family`);
  if (mask === "") return first.value === address.value;
  if (/^\d+$/.test(mask)) return prefixContains(parsePrefix(text), address);
  return (address.value & parseAddress(mask).value) === first.value;
}
