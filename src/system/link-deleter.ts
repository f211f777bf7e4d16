import { readLink } from "./inventory.ts";
import { kernelRefused } from "./kernel-refused.ts";
import { NETLINK_ROUTE } from "./netlink/constants.ts";
import { encodeDeleteGroup, encodeDeleteLink, encodeLinkGroup } from "./netlink/link.ts";
import type { Acknowledgement } from "./netlink/reply.ts";
import { type NetlinkSocket, openNetlink } from "./netlink/socket.ts";

/** Number of the group that links are put into on their way out ("romd"). */
const GROUP = 0x726f6d64;
/** More at once would hold the kernel's lock of all devices for long. */
const MAX_AT_ONCE = 64;

interface Deletion {
  readonly name: string;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Deletes links on another thread. Before the kernel answers it waits until no CPU looks at the device any more, some
 * 10 ms, in which everybody else can work; so all links that are waiting go together, as one group.
 */
export class LinkDeleter {
  readonly #socket: NetlinkSocket;
  readonly #waiting: Deletion[] = [];
  #running = false;

  /** Opens its socket in the network namespace of the calling thread. */
  constructor() {
    this.#socket = openNetlink(NETLINK_ROUTE);
  }

  /** @throws RomanaError `kernel-refused`; a link that is gone is fine. */
  delete(name: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ name, resolve, reject });
      if (!this.#running) void this.#run();
    });
  }

  close(): void {
    this.#socket.close();
  }

  async #run(): Promise<void> {
    this.#running = true;
    // Let those of the same turn of the event loop join.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const deletions = this.#waiting.splice(0, MAX_AT_ONCE);
      try {
        await this.#deleteAll(deletions);
      } catch (error) {
        for (const { reject } of deletions) reject(error);
      }
    }
    this.#running = false;
  }

  async #deleteAll(deletions: readonly Deletion[]): Promise<void> {
    const found = deletions.filter((deletion) => this.#isDeletable(deletion));
    const names = [...new Set(found.map(({ name }) => name))];
    if (names.length === 0) return;
    const [only] = names.length === 1 ? names : [];
    if (only === undefined) this.#socket.requestAll(names.map((name) => encodeLinkGroup(name, GROUP)));
    const answers = await this.#socket.requestAllInBackground([
      only === undefined ? encodeDeleteGroup(GROUP) : encodeDeleteLink(only),
    ]);
    const answer = answers === undefined ? { errno: "ECANCELED" } : (answers[0] ?? {});
    for (const deletion of found) settle(deletion, answer);
  }

  /** Settles what needs no deletion: one link that cannot go would keep its whole group. */
  #isDeletable(deletion: Deletion): boolean {
    const link = readLink(this.#socket, deletion.name);
    if (link === undefined) settle(deletion, {});
    else if (link.kind === undefined) settle(deletion, { errno: "EOPNOTSUPP" });
    return link?.kind !== undefined;
  }
}

function settle({ name, resolve, reject }: Deletion, { errno, detail }: Acknowledgement): void {
  if (errno === undefined || errno === "ENODEV") resolve();
  else reject(kernelRefused(`delete interface "${name}"`, errno, detail));
}
