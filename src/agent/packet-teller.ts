import { hasCode, RomanaError } from "../model/index.ts";
import { type Address, formatAddress } from "../net/index.ts";
import type { SideDecision } from "../policy/index.ts";
import { encodeProtocol } from "../schema/index.ts";
import type { Kernel, LoggedPacket } from "../system/kernel.ts";
import { decodePacketHeader, type PacketHeader } from "../system/packet-header.ts";
import { type HostDecision, type HostJudge, packetOf } from "./host-judge.ts";
import type { Log } from "./log.ts";
import { Alarm, type Timers } from "./timers.ts";

/** What a {@link PacketTeller} works with. */
export interface PacketTellerOptions {
  readonly kernel: Pick<Kernel, "loggedPackets" | "links">;
  readonly log: Log;
  readonly timers: Timers;
  /** Netlink log group that the rules log to. */
  readonly group: number;
  /** Judges by the policies in force; undefined while nothing is in force. */
  readonly judge: () => HostJudge | undefined;
  /** Name of an endpoint of this host. */
  readonly endpointAt: (address: string) => string | undefined;
  /** Told of packets that were told, and of those that were logged but lost. */
  readonly onPackets: (outcome: "told" | "lost", count: number) => void;
}

/** Somebody else has the group: it is asked for again after so many milliseconds. */
const RETRY = 10_000;

/** Writes a line for each packet that rules log: who sent it to whom, and which policy decided. */
export class PacketTeller {
  readonly #options: PacketTellerOptions;
  readonly #retry: Alarm;
  #listening: AbortController | undefined;
  #problem: string | undefined;
  #devices: ReadonlyMap<number, string> = new Map();

  constructor(options: PacketTellerOptions) {
    this.#options = options;
    this.#retry = new Alarm(options.timers, () => {
      this.listen(true);
    });
  }

  /** Why nobody is told of packets, although somebody wants to be. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Listens, or listens no more. */
  listen(isWanted: boolean): void {
    if (!isWanted) {
      this.#listening?.abort();
      this.#listening = undefined;
      this.#problem = undefined;
      this.#retry.clear();
      return;
    }
    if (this.#listening !== undefined) return;
    const { kernel, group, log } = this.#options;
    const listening = new AbortController();
    try {
      const events = kernel.loggedPackets(group, listening.signal);
      this.#listening = listening;
      this.#problem = undefined;
      void this.#follow(events);
    } catch (error) {
      if (!hasCode(error, "kernel-refused")) throw error;
      if (this.#problem === undefined) log.warn({ error: error.message }, "cannot tell of logged packets");
      this.#problem = error.message;
      this.#retry.set(RETRY);
    }
  }

  async #follow(events: ReturnType<Kernel["loggedPackets"]>): Promise<void> {
    const { log, onPackets } = this.#options;
    try {
      for await (const event of events) {
        if (event.type === "packet") {
          this.#tell(event);
          onPackets("told", 1);
        } else if (event.packets !== undefined) {
          onPackets("lost", event.packets);
          log.warn({ packets: event.packets }, "packets were logged too fast to be told");
        }
      }
    } catch (error) {
      if (!(error instanceof RomanaError)) throw error;
      log.error({ error: error.message }, "cannot tell of logged packets any more");
      this.#listening = undefined;
      this.#problem = error.message;
      this.#retry.set(RETRY);
    }
  }

  #tell({ prefix, packet, inputDevice, outputDevice }: LoggedPacket): void {
    const header = decodePacketHeader(packet);
    if (header === undefined) return;
    const judge = this.#options.judge();
    const reason = prefix.replace(/^romana /, "");
    const names = { in: this.#deviceName(inputDevice), out: this.#deviceName(outputDevice) };
    const flow = packetOf({ ...header, protocol: header.protocol ?? NO_PROTOCOL }, header.destinationPort);
    const decisions = judge?.judge(flow, names.in ?? names.out) ?? [];
    const told = reason === "log" ? wordsOfLog(decisions) : wordsOfDrop(reason, decisions);
    const fields = {
      reason,
      ...told.fields,
      from: this.#party(header.source, judge),
      to: this.#party(header.destination, judge),
      ...trafficFields(header),
      ...(names.in !== undefined && { in: names.in }),
      ...(names.out !== undefined && { out: names.out }),
    };
    this.#options.log.info(fields, told.message);
  }

  /** Numbers of devices are not used again, so that names need not be read for each packet. */
  #deviceName(index: number | undefined): string | undefined {
    if (index === undefined) return undefined;
    if (!this.#devices.has(index)) {
      this.#devices = new Map(this.#options.kernel.links().map((link) => [link.index, link.name]));
    }
    return this.#devices.get(index);
  }

  #party(address: Address, judge: HostJudge | undefined): object {
    const text = formatAddress(address);
    const endpoint = this.#options.endpointAt(text);
    return { address: text, ...judge?.owner(address), ...(endpoint !== undefined && { endpoint }) };
  }
}

/** Reserved (IANA): stands for what a packet does not say. */
const NO_PROTOCOL = 255;

/** Policies that a line names before it only counts. */
const MOST_NAMES = 5;

/** Words of reasons that are no policy's. */
const REASONS: ReadonlyMap<string, string> = new Map([
  ["spoofed-source", "its sender does not own the source address"],
  ["isolation", "the isolation of the destination's tenant does not let it in"],
  ["from-outside", "the destination's tenant is not open to the outside"],
  ["to-host", "endpoints reach nothing of their host but gateway services"],
  ["multicast", "nobody listens to multicast of endpoints"],
]);

interface Told {
  readonly message: string;
  readonly fields: object;
}

function wordsOfDrop(reason: string, decisions: readonly HostDecision[]): Told {
  const fixed = REASONS.get(reason);
  if (fixed !== undefined) return { message: `dropped: ${fixed}`, fields: {} };
  const found = decisions.find(({ decision }) => decision.verdict === "drop");
  if (found === undefined) {
    // The policies are others by now than when it was dropped.
    const message = reason === "denied" ? "a policy denied it" : "no policy allowed it";
    return { message: `dropped: ${message}`, fields: {} };
  }
  const { direction, decision } = found;
  return deciding(direction, decision);
}

function deciding(direction: HostDecision["direction"], { decidedBy }: SideDecision): Told {
  if (decidedBy.kind === "rule") {
    const { policy, rule } = decidedBy;
    return {
      message: `dropped: policy "${policy}" rules[${rule}] denies it`,
      fields: { direction, policy, rule },
    };
  }
  if (decidedBy.kind === "isolated" && decidedBy.by === "policies") {
    const isolatedBy = decidedBy.policies.slice(0, MOST_NAMES);
    const more = decidedBy.policies.length - isolatedBy.length;
    const names = isolatedBy.map((id) => `"${id}"`).join(", ");
    return {
      message: `dropped: no policy allows it; isolated by ${names}${more > 0 ? ` and ${more} more` : ""}`,
      fields: { direction, isolatedBy },
    };
  }
  return { message: "dropped: no policy allows it", fields: { direction } };
}

function wordsOfLog(decisions: readonly HostDecision[]): Told {
  const rules = decisions.flatMap(({ direction, decision }) =>
    decision.logged.map(({ policy, rule }) => ({ direction, policy, rule })),
  );
  const names = rules.map(({ policy, rule }) => `"${policy}" rules[${rule}]`).join(", ");
  return {
    message: rules.length === 0 ? "logged by a policy" : `logged by policy ${names}`,
    fields: { loggedBy: rules },
  };
}

function trafficFields({ protocol, sourcePort, destinationPort, icmp }: PacketHeader): object {
  return {
    ...(protocol !== undefined && { protocol: encodeProtocol(protocol) }),
    ...(sourcePort !== undefined && { sourcePort }),
    ...(destinationPort !== undefined && { port: destinationPort }),
    ...(icmp !== undefined && { icmp: { type: icmp.type, code: icmp.code } }),
  };
}
