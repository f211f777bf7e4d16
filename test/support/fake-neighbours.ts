import type { Address } from "../../src/net/index.ts";
import { formatAddress } from "../../src/net/index.ts";
import type { Link } from "../../src/system/kernel.ts";
import type { LinkNeighbours } from "../../src/system/link-neighbours.ts";

/** A link for tests: who else is on it, and what was announced. */
export class FakeNeighbours implements LinkNeighbours {
  /** MAC addresses by the address that they have. */
  readonly users = new Map<string, string>();
  /** `ADDRESS on DEVICE`, in order. */
  readonly announced: string[] = [];

  async whoHas(_link: Link, address: Address): Promise<string | undefined> {
    return this.users.get(formatAddress(address));
  }

  announce(link: Link, address: Address): void {
    this.announced.push(`${formatAddress(address)} on ${link.name}`);
  }
}
