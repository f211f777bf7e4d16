import type { KernelEvent } from "./kernel.ts";
import { NETLINK_NETFILTER, NETLINK_ROUTE, NFTABLES_GROUP, ROUTE_GROUP, RTM } from "./netlink/constants.ts";
import { decodeLink } from "./netlink/link.ts";
import { decodeLinkAddress } from "./netlink/link-address.ts";
import { decodeNetconf } from "./netlink/netconf.ts";
import { decodeNftablesEvent } from "./netlink/nftables.ts";
import type { Message } from "./netlink/reader.ts";
import { decodeRoute } from "./netlink/route.ts";
import { decodeRule } from "./netlink/rule.ts";
import { type NetlinkSocket, openNetlink } from "./netlink/socket.ts";
import { isOwnPort } from "./nftables.ts";
import { type ReadableWait, waitReadable } from "./sys.ts";

/** Changes come in bursts: so many milliseconds after the first event of one, all are read together. */
const PAUSE = 5;

/**
 * What the kernel tells about changes of one network namespace, from construction until closed. Events wait in the
 * kernel's buffers until the iteration asks for them. What the kernel is silent about stands at {@link KernelEvent}.
 */
export class Subscription implements AsyncIterable<KernelEvent> {
  readonly #route: NetlinkSocket;
  readonly #nftables: NetlinkSocket;
  /** Tables changed in the transaction whose end is still to come. */
  readonly #changedTables = new Set<string>();
  #wait: ReadableWait | undefined;
  #closed = false;

  /** Subscribes in the network namespace of the calling thread. */
  constructor() {
    this.#route = openNetlink(NETLINK_ROUTE, { groups: Object.values(ROUTE_GROUP) });
    try {
      this.#nftables = openNetlink(NETLINK_NETFILTER, { groups: [NFTABLES_GROUP] });
    } catch (error) {
      this.#route.close();
      throw error;
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<KernelEvent, void, undefined> {
    try {
      while (!this.#closed) {
        await this.#waitFor(waitReadable([this.#route.fd, this.#nftables.fd]));
        if (this.#closed) return;
        await this.#waitFor(pause(PAUSE));
        for (const event of this.#drain()) {
          yield event;
          if (this.#closed) return;
        }
      }
    } finally {
      this.close();
    }
  }

  /** Ends the iteration at once. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#wait?.cancel();
    this.#route.close();
    this.#nftables.close();
  }

  /** {@link close} cancels the wait. */
  async #waitFor(wait: ReadableWait): Promise<void> {
    this.#wait = wait;
    await wait.done;
  }

  #drain(): KernelEvent[] {
    const events: KernelEvent[] = [];
    while (this.#drainRoute(events) === "overrun") events.push({ type: "overrun" });
    while (this.#drainNftables(events) === "overrun") {
      this.#changedTables.clear();
      events.push({ type: "overrun" });
    }
    return events;
  }

  #drainRoute(events: KernelEvent[]): "empty" | "overrun" | "more" {
    return this.#route.drain((bytes, message) => {
      const event = decodeRouteEvent(bytes, message);
      if (event !== undefined) events.push(event);
    });
  }

  /** The kernel tells every object of a transaction and then its end, which says who made it. */
  #drainNftables(events: KernelEvent[]): "empty" | "overrun" | "more" {
    return this.#nftables.drain((bytes, message) => {
      const event = decodeNftablesEvent(bytes, message);
      if (event?.type === "change") this.#changedTables.add(event.table);
      if (event?.type !== "commit") return;
      const ownProcess = isOwnPort(message.port);
      for (const table of this.#changedTables) events.push({ type: "table", table, ownProcess });
      this.#changedTables.clear();
    });
  }
}

/** A wait of so many milliseconds, which does not keep the process alive. */
function pause(milliseconds: number): ReadableWait {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, milliseconds).unref();
  return {
    done: promise,
    cancel: () => {
      clearTimeout(timer);
      resolve();
    },
  };
}

function decodeRouteEvent(bytes: Buffer, message: Message): KernelEvent | undefined {
  switch (message.type) {
    case RTM.NEWLINK:
      return { type: "link", action: "new", link: decodeLink(bytes, message) };
    case RTM.DELLINK:
      return { type: "link", action: "delete", link: decodeLink(bytes, message) };
    case RTM.NEWADDR:
    case RTM.DELADDR: {
      const address = decodeLinkAddress(bytes, message);
      const action = message.type === RTM.NEWADDR ? "new" : "delete";
      return address === undefined ? undefined : { type: "address", action, address };
    }
    case RTM.NEWROUTE:
    case RTM.DELROUTE: {
      const route = decodeRoute(bytes, message);
      const action = message.type === RTM.NEWROUTE ? "new" : "delete";
      return route === undefined ? undefined : { type: "route", action, route };
    }
    case RTM.NEWRULE:
    case RTM.DELRULE: {
      const rule = decodeRule(bytes, message);
      const action = message.type === RTM.NEWRULE ? "new" : "delete";
      return rule === undefined ? undefined : { type: "rule", action, rule };
    }
    case RTM.NEWNETCONF:
      return decodeNetconf(bytes, message);
    default:
      return undefined;
  }
}
