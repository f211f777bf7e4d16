import type { Host, Relocation } from "../model/index.ts";
import { type DesiredWays, desiredWays, type HostSettings, type KnownNetwork } from "./desired.ts";

type Known = Pick<KnownNetwork, "networks" | "hosts" | "relocations" | "fabric">;
type Settings = Pick<HostSettings, "gatewayInterface" | "gatewayKind" | "routing">;

const NONE: readonly Relocation[] = [];

/**
 * The ways of a host, worked out anew only when host, networks or hosts are others: of a thousand hosts they are thousands of
 * routes, and most news are about policies.
 */
export class WaysMemory {
  #last:
    | { readonly host: Host; readonly known: Known; readonly kind: string; readonly ways: DesiredWays }
    | undefined;

  /** @throws RomanaError when the host has no place in a network. */
  of(host: Host, { networks, hosts, relocations = NONE, fabric }: Known, settings: Settings): DesiredWays {
    const last = this.#last;
    const isSame =
      last?.host === host &&
      last.known.networks === networks &&
      last.known.hosts === hosts &&
      last.known.relocations === relocations &&
      last.known.fabric === fabric &&
      last.kind === settings.gatewayKind;
    if (isSame) return last.ways;
    const ways = desiredWays(host, { networks, hosts, relocations, fabric }, settings);
    this.#last = { host, known: { networks, hosts, relocations, fabric }, kind: settings.gatewayKind, ways };
    return ways;
  }
}
