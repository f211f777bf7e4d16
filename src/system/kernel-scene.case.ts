import { expect } from "vitest";
import { formatAddress, formatPrefix, parseAddress, parsePrefix } from "../net/index.ts";
import {
  type Kernel,
  type KernelChange,
  type KernelRoute,
  MAIN_TABLE,
  ROMANA_PROTOCOL,
  type VethSpec,
} from "./kernel.ts";
import type { SocketAddress } from "./socket-address.ts";

/** A kernel with nothing but a loopback device, and what the suite does to it from outside. */
export interface KernelFixture {
  readonly kernel: Kernel;
  /** Path of a namespace for peers, where nothing is. */
  readonly peerNamespace: string;
  deletePeerNamespace(): void;
  /** Runs nft text in another process. */
  foreignNft(text: string): void;
  /** Sends a datagram from this host to itself, over a loopback device that is up and tracked. */
  sendUdp(from: SocketAddress, to: SocketAddress): void;
  /** The same, logged by a rule with this prefix on its way out, with mark 5, so many times. */
  sendLoggedUdp(
    log: { readonly group: number; readonly prefix: string },
    from: SocketAddress,
    to: SocketAddress,
    count: number,
  ): void;
  close(): void;
}

/** A link kind that every tested kernel can make (the development machines have no dummy). */
export const KIND = "bridge";

/** The kernel of the running test, and short ways to say what the tests say often. */
export class KernelScene {
  #fixture: KernelFixture | undefined;

  /** Goes on with a new kernel. */
  begin(fixture: KernelFixture): void {
    this.#fixture = fixture;
  }

  get fixture(): KernelFixture {
    if (this.#fixture === undefined) throw new Error("no test has begun");
    return this.#fixture;
  }

  get kernel(): Kernel {
    return this.fixture.kernel;
  }

  linkNames(): string[] {
    return this.kernel.links().map(({ name }) => name);
  }

  isUp(name: string): boolean | undefined {
    return this.kernel.links().find((link) => link.name === name)?.up;
  }

  indexOf(name: string): number {
    const link = this.kernel.links().find((other) => other.name === name);
    if (link === undefined) throw new Error(`no link ${name}`);
    return link.index;
  }

  /** Failures as `POSITION ERRNO`. */
  failuresOf(...changes: KernelChange[]): string[] {
    return this.kernel.apply(changes).map(({ change, errno }) => `${changes.indexOf(change)} ${errno}`);
  }

  /** A bridge that is up and has 10.9.0.1/24 and fd00:9::1/64; returns its index. */
  addUnderlay(): number {
    expect(this.failuresOf({ type: "add-link", name: "up0", kind: KIND })).toEqual([]);
    const link = this.indexOf("up0");
    const failures = this.failuresOf(
      { type: "set-link-up", link },
      { type: "add-address", address: { link, address: parseAddress("10.9.0.1"), prefixLength: 24 } },
      { type: "add-address", address: { link, address: parseAddress("fd00:9::1"), prefixLength: 64 } },
    );
    expect(failures).toEqual([]);
    return link;
  }

  /** Addresses of a link without link-local ones, sorted. */
  addressTexts(link: number): string[] {
    return this.kernel
      .addresses()
      .filter((address) => address.link === link)
      .map(({ address, prefixLength }) => `${formatAddress(address)}/${prefixLength}`)
      .filter((text) => !text.startsWith("fe80"))
      .toSorted();
  }

  /** Our routes, sorted. */
  routeTexts(table = MAIN_TABLE): string[] {
    return this.kernel.routes(table, ROMANA_PROTOCOL).map(routeText).toSorted();
  }

  /** A pair with one address and one gateway per family. */
  vethSpec(peer: Partial<VethSpec["peer"]> = {}): VethSpec {
    return {
      name: "rom0a01011b",
      peer: {
        namespace: this.fixture.peerNamespace,
        name: "eth0",
        addresses: [parsePrefix("10.1.1.27/32"), parsePrefix("fd00:1::27/128")],
        gateways: [parseAddress("10.1.0.1"), parseAddress("fd00:1::1")],
        ...peer,
      },
    };
  }
}

/** A route of ours in the main table, with metric 0. */
export function createRoute(destination: string, more: Partial<KernelRoute>): KernelRoute {
  return {
    destination: parsePrefix(destination),
    type: "unicast",
    table: MAIN_TABLE,
    metric: 0,
    protocol: ROMANA_PROTOCOL,
    ...more,
  };
}

/** Writes {@link createRoute} into its slot. */
export function replaceRoute(destination: string, more: Partial<KernelRoute> = {}): KernelChange {
  return { type: "replace-route", route: createRoute(destination, more) };
}

/** Deletes {@link createRoute}. */
export function deleteRoute(destination: string, more: Partial<KernelRoute> = {}): KernelChange {
  return { type: "delete-route", route: createRoute(destination, more) };
}

/** A route in the words of `ip route`, without table and protocol. */
export function routeText({ destination, type, gateway, device, source, metric }: KernelRoute): string {
  return [
    formatPrefix(destination),
    ...(type === "unicast" ? [] : [type]),
    ...(gateway === undefined ? [] : ["via", formatAddress(gateway)]),
    ...(device === undefined ? [] : ["dev", device]),
    ...(source === undefined ? [] : ["src", formatAddress(source)]),
    "metric",
    metric,
  ].join(" ");
}

/** Why the promise was rejected. */
export async function rejected(made: Promise<unknown>): Promise<unknown> {
  return made.then(
    () => {
      throw new Error("nothing was thrown");
    },
    (error: unknown) => error,
  );
}

/** What a function throws. */
export function thrown(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}
