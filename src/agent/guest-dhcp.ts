import { gatewayAddress, hostPosition, hostPrefix } from "../addressing/index.ts";
import {
  type DhcpGuest,
  type DhcpSubnet,
  EMPTY_LEASES,
  renderDnsmasqConfig,
  renderDnsmasqHosts,
} from "../dhcp/index.ts";
import { plansOf } from "../model/index.ts";
import {
  addressBits,
  formatAddress,
  isSameAddress,
  parseAddress,
  prefixContains,
  prefixOf,
} from "../net/index.ts";
import type { AgentConfig } from "../schema/index.ts";
import type { Dnsmasq } from "../system/dnsmasq.ts";
import type { Kernel, KernelChange, LinkAddress } from "../system/kernel.ts";
import type { Attachments } from "./attachments.ts";
import { endpointKey, type HostKnowledge } from "./host-knowledge.ts";
import type { Inventory } from "./inventory.ts";
import type { Log } from "./log.ts";
import type { Reporter } from "./reporter.ts";
import { Alarm, type Timers } from "./timers.ts";

/** What {@link GuestDhcp} works with. */
export interface GuestDhcpOptions {
  readonly config: Pick<AgentConfig, "dhcp" | "endpointMtu" | "logLevel">;
  readonly kernel: Pick<Kernel, "addresses" | "apply">;
  readonly dnsmasq: Dnsmasq;
  readonly timers: Timers;
  readonly log: Log;
  readonly attachments: Pick<Attachments, "all">;
  readonly inventory: () => Pick<Inventory, "indexOf" | "endpointOf">;
  readonly knowledge: () => HostKnowledge | undefined;
  /** Told when the problems are others. */
  readonly reporter: () => Pick<Reporter, "notice">;
}

/** A guest with the index of its device, and the addresses that the device needs. */
interface Plugged extends DhcpGuest {
  readonly index: number;
  readonly onDevice: readonly LinkAddress[];
}

/** Taps and news come in bursts (milliseconds). */
const SETTLE = 50;
/** dnsmasq that has ended is started again after so long, then twice as long, … (milliseconds). */
const RETRY = { first: 1_000, longest: 30_000 };
/** dnsmasq serves DHCPv6 in prefixes of at least so many bits. */
const SHORTEST_PREFIX6 = 64;

/** Keeps one dnsmasq that gives the guests behind taps their addresses (ADR 0021). */
export class GuestDhcp {
  readonly #options: GuestDhcpOptions;
  readonly #alarm: Alarm;
  #isSyncing = false;
  #isClosed = false;
  /** What it was started with; undefined while it does not run. */
  #running: { readonly config: string; readonly hosts: string } | undefined;
  /** Who has had an address from it since it was started. */
  readonly #given = new Map<string, string>();
  #failure: string | undefined;
  #failures = 0;
  #unserved: readonly string[] = [];

  constructor(options: GuestDhcpOptions) {
    this.#options = options;
    this.#alarm = new Alarm(options.timers, () => {
      void this.#sync();
    });
  }

  /** Sentences about what is not as it should be. */
  get problems(): readonly string[] {
    return [...(this.#failure === undefined ? [] : [this.#failure]), ...this.#unserved];
  }

  /** Something that guests depend on may have changed. */
  notice(): void {
    if (this.#options.config.dhcp.enabled && !this.#isClosed) this.#alarm.set(SETTLE);
  }

  /** Looks no more; dnsmasq goes on. */
  close(): void {
    this.#isClosed = true;
    this.#alarm.clear();
  }

  async #sync(): Promise<void> {
    if (this.#isSyncing) {
      this.#alarm.set(SETTLE);
      return;
    }
    this.#isSyncing = true;
    const before = this.problems.join();
    try {
      await this.#follow();
    } catch (error) {
      this.#fail((error as Error).message);
    } finally {
      this.#isSyncing = false;
    }
    if (this.problems.join() !== before) this.#options.reporter().notice();
  }

  async #follow(): Promise<void> {
    const { dnsmasq, config, log } = this.#options;
    const knowledge = this.#options.knowledge();
    if (knowledge?.ownHost === undefined) return;
    const subnets = this.#subnets(knowledge);
    const guests = this.#guests(knowledge, subnets);
    if (guests.length === 0) {
      // Also one of an earlier life.
      await dnsmasq.stop();
      this.#running = undefined;
      this.#failure = undefined;
      return;
    }
    this.#addAddresses(guests);
    const { dns, ...dhcp } = config.dhcp;
    const files = {
      config: renderDnsmasqConfig({
        ...dhcp,
        dns: dns.map(parseAddress),
        subnets,
        devices: guests.map(({ device }) => device),
        mtu: config.endpointMtu,
        isVerbose: config.logLevel === "debug",
      }),
      hosts: renderDnsmasqHosts(guests),
    };
    if (this.#running?.config === files.config && !this.#hasNewOwners(guests)) {
      if (this.#running.hosts !== files.hosts) dnsmasq.reload(files.hosts);
    } else {
      this.#given.clear();
      await dnsmasq.start({ ...files, leases: EMPTY_LEASES }, (reason) => {
        this.#running = undefined;
        this.#fail(reason);
        this.#options.reporter().notice();
      });
      log.info({ guests: guests.length }, "dnsmasq started");
    }
    this.#running = files;
    for (const [address, owner] of guests.flatMap(owners)) this.#given.set(address, owner);
  }

  #fail(reason: string): void {
    this.#failure = `DHCP does not work: dnsmasq: ${reason}`;
    this.#options.log.error({ reason }, "dnsmasq ended");
    if (!this.#isClosed) this.#alarm.set(Math.min(RETRY.longest, RETRY.first * 2 ** this.#failures++));
  }

  /**
   * True when an address is somebody else's than since the start, or a VM's that was made anew: dnsmasq would keep it for the
   * lease of the former client.
   */
  #hasNewOwners(guests: readonly Plugged[]): boolean {
    return guests.flatMap(owners).some(([address, owner]) => (this.#given.get(address) ?? owner) !== owner);
  }

  #subnets({ networks, ownHost }: HostKnowledge): readonly DhcpSubnet[] {
    if (ownHost === undefined) return [];
    return networks.flatMap((network) =>
      plansOf(network).flatMap((plan): DhcpSubnet[] => {
        const position = hostPosition(network, ownHost);
        const gateway = gatewayAddress(plan, position);
        if (plan.family === 4) return [{ prefix: plan.prefix, gateway }];
        // The part of the host's prefix that its gateway is in: tenants with high numbers may be beyond it.
        const length = Math.max(SHORTEST_PREFIX6, hostPrefix(plan, position).length);
        return [{ prefix: prefixOf(gateway, length), gateway }];
      }),
    );
  }

  #guests(knowledge: HostKnowledge, subnets: readonly DhcpSubnet[]): readonly Plugged[] {
    const { attachments, inventory } = this.#options;
    const unserved: string[] = [];
    const guests = attachments.all.flatMap(({ endpoint, device, target, mac, isReleasing }): Plugged[] => {
      const index = inventory().indexOf(device);
      const { tap } = knowledge.endpoints.get(endpointKey(endpoint)) ?? endpoint;
      const guestMac = tap?.mac ?? (target?.kind === "tap" ? mac : undefined);
      if (isReleasing || index === undefined || guestMac === undefined) return [];
      const gateways = inventory().endpointOf(device)?.gateways ?? [];
      const onDevice = gateways.flatMap((address): LinkAddress[] => {
        const subnet = subnets.find(({ gateway }) => isSameAddress(gateway, address));
        if (subnet === undefined) return [];
        const { family, length } = subnet.prefix;
        return [{ link: index, address, prefixLength: family === 4 ? addressBits(4) : length }];
      });
      const { ipv4, ipv6 } = endpoint.addresses;
      const isServed = subnets.some(({ prefix }) => ipv6 !== undefined && prefixContains(prefix, ipv6));
      if (ipv6 !== undefined && !isServed)
        unserved.push(
          `No DHCPv6 for ${formatAddress(ipv6)}: it is outside of the ${SHORTEST_PREFIX6} bits of its gateway`,
        );
      const addresses = { ...(ipv4 && { ipv4 }), ...(ipv6 && isServed && { ipv6 }) };
      return [{ device, mac: guestMac, addresses, index, onDevice }];
    });
    this.#unserved = unserved;
    return guests;
  }

  /** dnsmasq answers only where it has an address, and knows the guest by where it answers. */
  #addAddresses(guests: readonly Plugged[]): void {
    const { kernel } = this.#options;
    const there = new Set(kernel.addresses().map(placeText));
    const changes = guests.flatMap(({ onDevice }) =>
      onDevice
        .filter((address) => !there.has(placeText(address)))
        .map((address): KernelChange => ({ type: "add-address", address, withoutRoute: true })),
    );
    // A tap that is gone by now takes its addresses with it.
    const refused = kernel.apply(changes).filter(({ errno }) => errno !== "ENODEV");
    this.#failure =
      refused[0] && `DHCP does not work: the kernel refuses an address of a tap: ${refused[0].errno}`;
    if (this.#failure === undefined && this.#running !== undefined) this.#failures = 0;
  }
}

function placeText({ link, address }: LinkAddress): string {
  return `${link} ${formatAddress(address)}`;
}

/** Each address of a guest, with what tells it from others that have had it. */
function owners({
  addresses: { ipv4, ipv6 },
  mac,
  device,
  index,
}: Plugged): readonly (readonly [string, string])[] {
  return [ipv4, ipv6].flatMap((address) =>
    address === undefined ? [] : [[formatAddress(address), `${mac} ${device} ${index}`] as const],
  );
}
