import type { Direction, Host } from "../model/index.ts";
import { type Address, isSameAddress } from "../net/index.ts";
import {
  createFlowJudge,
  type Flow,
  type FlowJudge,
  type FlowSettings,
  type FlowSide,
  hostOf,
  ownerOf,
  type PolicyWorld,
  type SideDecision,
} from "../policy/index.ts";
import type { FlowTuple, Flow as KernelFlow } from "../system/kernel.ts";

/** What a {@link HostJudge} judges by. */
export interface HostJudgeOptions {
  readonly world: PolicyWorld;
  /** Name of the host that enforces. */
  readonly host: string;
  readonly settings: Omit<FlowSettings, "interfaceName">;
  /** All addresses of the machine, with the names of the interfaces that they are on; asked once, with the first question. */
  readonly addresses: () => readonly { readonly address: Address; readonly interfaceName: string }[];
}

/** What this host says of one direction of a flow. */
export interface HostDecision {
  readonly direction: Direction;
  readonly decision: SideDecision;
}

/** Whose an address is, as far as its bits and the exceptions say. */
export interface AddressOwner {
  readonly host?: string;
  readonly tenant?: string;
  readonly segment?: string;
}

/** Judges first packets by the policies themselves, as far as this host enforces them: those of its own parties. */
export class HostJudge {
  readonly world: PolicyWorld;
  readonly #host: Host | undefined;
  readonly #addresses: HostJudgeOptions["addresses"];
  readonly #judge: FlowJudge;
  #known: ReadonlyMap<string, string> | undefined;

  constructor({ world, host, settings, addresses }: HostJudgeOptions) {
    this.world = world;
    const own = world.hosts.find(({ name }) => name === host);
    const has = (address: Address): boolean => this.#interfaces.has(keyOf(address));
    this.#host = own;
    this.#addresses = addresses;
    this.#judge = createFlowJudge(world, { ...settings, isBrief: true }, own && { host: own, has });
  }

  /** Names of interfaces by the addresses that are on them. */
  get #interfaces(): ReadonlyMap<string, string> {
    this.#known ??= new Map(
      this.#addresses().map(({ address, interfaceName }) => [keyOf(address), interfaceName] as const),
    );
    return this.#known;
  }

  /**
   * The decisions of this host. The kernel does not say over which interface a flow of the machine goes: it is taken
   * for the one that has the machine's address, unless it is given.
   */
  judge(flow: Flow, interfaceName?: string): readonly HostDecision[] {
    const through =
      interfaceName ??
      this.#interfaces.get(keyOf(flow.source)) ??
      this.#interfaces.get(keyOf(flow.destination));
    const { egress, ingress } = this.#judge(flow, through);
    const isOwn = (side: FlowSide | undefined): side is FlowSide =>
      side?.host !== undefined && side.host === this.#host;
    return [
      ...(isOwn(egress) ? [{ direction: "egress", decision: egress.decision } as const] : []),
      ...(isOwn(ingress) ? [{ direction: "ingress", decision: ingress.decision } as const] : []),
    ];
  }

  /** Whose the address is; what is not known is left out. */
  owner(address: Address): AddressOwner {
    const { tenant, segment } = ownerOf(this.world, address) ?? {};
    const machine = this.world.hosts.find(({ underlay }) =>
      [underlay.ipv4, underlay.ipv6].some((own) => own !== undefined && isSameAddress(own, address)),
    );
    const host = this.#interfaces.has(keyOf(address)) ? this.#host : (machine ?? hostOf(this.world, address));
    return {
      ...(host && { host: host.name }),
      ...(tenant && { tenant: tenant.name }),
      ...(segment && { segment: segment.name }),
    };
  }
}

/** The first packet of a tracked flow as the rules saw it: behind a translation of its destination. */
export function firstPacket({ original, reply }: Pick<KernelFlow, "original" | "reply">): Flow {
  return packetOf({ ...original, destination: reply.source }, reply.sourcePort);
}

/** A packet's header as policies see it. */
export function packetOf(
  {
    source,
    destination,
    protocol,
    icmp,
  }: Omit<FlowTuple, "icmp"> & {
    readonly icmp?: { readonly type: number; readonly code: number };
  },
  port: number | undefined,
): Flow {
  return {
    source,
    destination,
    protocol,
    ...(port !== undefined && { port }),
    ...(icmp !== undefined && { icmp: { type: icmp.type, code: icmp.code } }),
  };
}

function keyOf({ family, value }: Address): string {
  return `${family} ${value}`;
}
