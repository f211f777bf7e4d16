import { notFound } from "../model/index.ts";
import type { Family } from "../net/index.ts";
import type { KernelEvent } from "./kernel.ts";

/** What a link starts with, per family; `all` and `default` have the same keys. */
const LINK_DEFAULTS: Record<Family, Record<string, string>> = {
  4: {
    accept_redirects: "1",
    arp_ignore: "0",
    forwarding: "0",
    proxy_arp: "0",
    rp_filter: "0",
    send_redirects: "1",
  },
  6: {
    accept_dad: "1",
    accept_ra: "1",
    accept_redirects: "1",
    autoconf: "1",
    disable_ipv6: "0",
    forwarding: "0",
    proxy_ndp: "0",
  },
};

/** The ones whose changes the kernel tells (`RTM_NEWNETCONF`). */
const TOLD = new Set(["forwarding", "rp_filter", "proxy_arp", "proxy_ndp"]);

const CONF = /^net\.ipv([46])\.conf\.([^.]+)\.([^.]+)$/;

/** Sysctls of a network namespace in memory: those of links, and a few of the host. */
export class FakeSysctls {
  readonly #values = new Map<string, string>([
    ["net.ipv4.ip_forward", "0"],
    ["net.netfilter.nf_conntrack_tcp_loose", "1"],
  ]);
  readonly #links: () => ReadonlyMap<string, number>;
  readonly #emit: (event: KernelEvent) => void;

  /** @param links indexes of links by name. @param emit is told about changes that the kernel tells */
  constructor(links: () => ReadonlyMap<string, number>, emit: (event: KernelEvent) => void) {
    this.#links = links;
    this.#emit = emit;
    for (const name of ["all", "default"]) this.addLink(name);
  }

  /** Makes the sysctls of a new link from `default`. */
  addLink(name: string): void {
    const part = name.replaceAll(".", "/");
    for (const family of [4, 6] as const) {
      for (const [key, value] of Object.entries(LINK_DEFAULTS[family])) {
        const inherited = this.#values.get(`net.ipv${family}.conf.default.${key}`) ?? value;
        this.#values.set(`net.ipv${family}.conf.${part}.${key}`, inherited);
      }
    }
    this.#values.set(`net.ipv6.neigh.${part}.proxy_delay`, "80");
  }

  deleteLink(name: string): void {
    const part = name.replaceAll(".", "/");
    for (const key of this.#values.keys()) if (key.split(".")[3] === part) this.#values.delete(key);
  }

  get(name: string): string | undefined {
    return this.#values.get(name);
  }

  set(name: string, value: string): void {
    if (!this.#values.has(name)) throw notFound("sysctl", name);
    if (name === "net.ipv4.ip_forward") {
      this.#setOne("net.ipv4.conf.all.forwarding", value);
    } else {
      this.#setOne(name, value);
    }
    // Switching forwarding for all switches it for each, and the two names of IPv4's are one.
    const match = /^net\.ipv([46])\.(?:conf\.all\.forwarding|ip_forward)$/.exec(name);
    if (match === null) return;
    if (match[1] === "4") this.#values.set("net.ipv4.ip_forward", value);
    const each = new RegExp(`^net\\.ipv${match[1]}\\.conf\\.(?!all\\.)[^.]+\\.forwarding$`);
    for (const key of this.#values.keys()) if (each.test(key)) this.#setOne(key, value);
  }

  #setOne(name: string, value: string): void {
    const old = this.#values.get(name);
    this.#values.set(name, value);
    const match = CONF.exec(name);
    if (match === null || old === value || !TOLD.has(match[3] as string)) return;
    const part = (match[2] as string).replaceAll("/", ".");
    const link = part === "all" || part === "default" ? part : this.#links().get(part);
    if (link !== undefined) this.#emit({ type: "netconf", family: Number(match[1]) as Family, link });
  }
}
