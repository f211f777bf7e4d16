import type { Host } from "../model/index.ts";
import { formatAddress } from "../net/index.ts";
import type { ChainRules } from "../steering/index.ts";
import type { Kernel } from "../system/kernel.ts";
import type { Log } from "./log.ts";

/** What chains need of the devices that lead to other hosts, and of who is behind them. */
export class ChainUnderlay {
  readonly #kernel: Kernel;
  readonly #log: Log;
  /** What sysctls were before they were changed in this life. */
  readonly #before = new Map<string, string>();

  constructor(kernel: Kernel, log: Log) {
    this.#kernel = kernel;
    this.#log = log;
  }

  /**
   * Packets of own endpoints come back by the underlay, which a strict reverse path filter takes for forged, and leave by the device that
   * they came in by: a redirect would tell who sent them a way round the chain.
   * @returns sentences about what stands in the way of chains and is not ours to change
   */
  prepare({ underlayDevices, functionDevices, lanes }: ChainRules): readonly string[] {
    if (!lanes.some(({ family }) => family === 4)) return [];
    for (const device of underlayDevices) {
      this.#replace(sysctlOf(device, "rp_filter"), "1", "2");
      this.#replace(sysctlOf(device, "send_redirects"), "1", "0");
    }
    // A device sends them when either says so.
    this.#replace(sysctlOf("all", "send_redirects"), "1", "0");
    const isStrict = this.#kernel.sysctl("net.ipv4.conf.all.rp_filter") !== "0";
    return isStrict && functionDevices.length > 0
      ? [
          "Functions of chains cannot send IPv4 packets of others: net.ipv4.conf.all.rp_filter of this host must be 0",
        ]
      : [];
  }

  /** Gives back what {@link prepare} has changed, unless somebody else has changed it since. */
  restore(): void {
    for (const [name, value] of this.#before) {
      if (this.#kernel.sysctl(name) !== undefined) this.#kernel.setSysctl(name, value);
    }
    this.#before.clear();
  }

  /** MAC addresses of those hosts that have been met in a link. */
  macsOf(hosts: readonly Host[]): readonly string[] {
    const known = new Set(
      hosts.flatMap(({ underlay: { ipv4, ipv6 } }) =>
        [ipv4, ipv6].flatMap((address) => (address === undefined ? [] : [formatAddress(address)])),
      ),
    );
    const met = this.#kernel.neighbours().filter(({ address }) => known.has(formatAddress(address)));
    return [...new Set(met.map(({ mac }) => mac))];
  }

  #replace(name: string, from: string, to: string): void {
    if (this.#kernel.sysctl(name) !== from) return;
    this.#kernel.setSysctl(name, to);
    this.#before.set(name, from);
    this.#log.info({ sysctl: name, value: to }, "changed for chains");
  }
}

function sysctlOf(device: string, name: string): string {
  return `net.ipv4.conf.${device.replaceAll(".", "/")}.${name}`;
}
