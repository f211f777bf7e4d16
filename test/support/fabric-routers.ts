import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Client } from "../../src/client/index.ts";
import { createRoutingDaemon, type RoutingDaemon } from "../../src/daemons/index.ts";
import {
  configurationOf,
  createFabricRouting,
  joinBlocks,
  renderBird,
  renderFrr,
} from "../../src/fabric/index.ts";
import type { Fabric, RoutingDaemonKind } from "../../src/model/index.ts";
import { type Address, type Family, formatAddress } from "../../src/net/index.ts";
import { runCommand } from "../../src/system/command.ts";
import type { AgentSite } from "./agent-site.ts";

const RENDER = { bird: renderBird, frr: renderFrr } as const;
const CABLE_BITS: Readonly<Record<Family, number>> = { 4: 31, 6: 127 };

/** The spines and leaves of a fabric: namespaces that are cabled with the hosts of a site, with a real routing daemon each. */
export class FabricRouters {
  /** World-readable, since daemons give up their rights. */
  readonly directory = mkdtempSync(join(tmpdir(), "romana-fabric-"));
  readonly #fabric: Fabric;
  readonly #kind: RoutingDaemonKind;
  readonly #namespaces: ReadonlyMap<string, string>;
  readonly #daemons = new Map<string, RoutingDaemon>();

  constructor(site: AgentSite, fabric: Fabric, kind: RoutingDaemonKind) {
    chmodSync(this.directory, 0o755);
    this.#fabric = fabric;
    this.#kind = kind;
    const routers = [...fabric.spines, ...fabric.racks.flatMap(({ leaves }) => leaves)];
    this.#namespaces = new Map([
      ...site.hosts.map(({ name, namespace }): [string, string] => [name, namespace]),
      ...routers.map(({ name }): [string, string] => [name, site.addNamespace(name)]),
    ]);
    for (const { name } of routers) {
      const daemon = createRoutingDaemon(kind, {
        directory: join(this.directory, name),
        namespace: this.namespaceOf(name),
      });
      this.#daemons.set(name, daemon);
    }
  }

  /** Plugs in all cables and starts all daemons with what follows from what romanad knows. */
  async start(client: Client): Promise<void> {
    for (const { ends } of this.#fabric.links) await this.#plugIn(ends[0].device, ends[1].device, ends);
    const networks = (await client.call("listNetworks", { query: {} })).items;
    const hosts = (await client.call("listHosts", { query: {} })).items;
    const routing = createFabricRouting(this.#fabric, networks, hosts);
    for (const [name, daemon] of this.#daemons) {
      for (const setting of ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"])
        await this.#in(name, "sysctl", "-qw", setting);
      await this.#in(name, "ip", "link", "set", "lo", "up");
      await daemon.apply(joinBlocks(RENDER[this.#kind](configurationOf(routing, name))));
    }
  }

  /** The routing daemon of a spine or leaf. */
  daemonOf(router: string): RoutingDaemon {
    const daemon = this.#daemons.get(router);
    if (daemon === undefined) throw new RangeError(`there is no router ${router}`);
    return daemon;
  }

  /** The path of the namespace of a device. */
  namespaceOf(device: string): string {
    const namespace = this.#namespaces.get(device);
    if (namespace === undefined) throw new RangeError(`there is no device ${device}`);
    return namespace;
  }

  /** Takes the carrier of a cable at the end of the second device, and of the first with it, or gives it back. */
  async setCarrier(first: string, second: string, isThere: boolean): Promise<void> {
    await this.#in(second, "ip", "link", "set", portTo(first), isThere ? "up" : "down");
  }

  /** Drops every frame of a cable without a change of its carrier, or lets them through again. */
  async setSilent(first: string, second: string, isSilent: boolean): Promise<void> {
    for (const [one, other] of [
      [first, second],
      [second, first],
    ] as const) {
      const table = `netdev silence_${other.replaceAll("-", "_")}`;
      const rules = `table ${table} {
        chain in { type filter hook ingress device "${portTo(other)}" priority 0; policy drop; }
      }`;
      const input = isSilent ? rules : `delete table ${table}`;
      await runCommand({ argv: ["nft", "-f", "-"], namespace: this.namespaceOf(one), input });
    }
  }

  /** Ends the daemons of routers and hosts. The namespaces are the site's. */
  close(): void {
    for (const namespace of this.#namespaces.values()) {
      const { stdout } = spawnSync("ip", ["netns", "pids", namespace.split("/").at(-1) ?? ""], {
        encoding: "utf8",
      });
      for (const pid of stdout.split("\n").filter((text) => text !== ""))
        process.kill(Number(pid), "SIGKILL");
    }
    rmSync(this.directory, { recursive: true });
  }

  async #plugIn(first: string, second: string, ends: Fabric["links"][number]["ends"]): Promise<void> {
    const netns = this.namespaceOf(second).split("/").at(-1) ?? "";
    const peer = ["type", "veth", "peer", "name", portTo(first), "netns", netns];
    await this.#in(first, "ip", "link", "add", portTo(second), ...peer);
    for (const [index, [own, other]] of (
      [
        [first, second],
        [second, first],
      ] as const
    ).entries()) {
      const { ipv4, ipv6 } = ends[index] as (typeof ends)[number];
      const device = portTo(other);
      for (const address of [ipv4, ipv6]) {
        if (address !== undefined)
          await this.#in(own, "ip", "address", "add", textOf(address), "dev", device, ...flagsOf(address));
      }
      await this.#in(own, "ip", "link", "set", device, "up");
      // Otherwise a device that is set down loses its addresses of IPv6 for good.
      await this.#in(own, "sysctl", "-qw", `net/ipv6/conf/${device}/keep_addr_on_down=1`);
    }
  }

  #in(device: string, ...argv: readonly string[]): Promise<string> {
    return runCommand({ argv, namespace: this.namespaceOf(device) });
  }
}

/** The name of the device of a cable at its other end. */
function portTo(device: string): string {
  return `to-${device}`;
}

function textOf(address: Address): string {
  return `${formatAddress(address)}/${CABLE_BITS[address.family]}`;
}

function flagsOf({ family }: Address): readonly string[] {
  return family === 6 ? ["nodad"] : [];
}
