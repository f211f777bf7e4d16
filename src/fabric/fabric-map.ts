import type { Fabric, FabricDevice, FabricRack } from "../model/index.ts";
import type { Address, Family } from "../net/index.ts";

/** One family of a cable, as the device at one of its ends sees it. */
export interface Cable {
  readonly family: Family;
  readonly local: Address;
  /** The device at the other end. */
  readonly peer: string;
  readonly remote: Address;
}

/** A leaf and the rack that it belongs to. */
export interface LeafPlace {
  readonly leaf: FabricDevice;
  readonly rack: FabricRack;
}

/** A fabric, looked up by name. */
export interface FabricMap {
  readonly spines: ReadonlyMap<string, FabricDevice>;
  readonly leaves: ReadonlyMap<string, LeafPlace>;
  /** By group path, such as `zone-a/rack-3`. */
  readonly racks: ReadonlyMap<string, FabricRack>;
  /** The cables of a device or host, in the order of the fabric's links. */
  cablesOf(device: string, family: Family): readonly Cable[];
}

/** The key of a rack: its group path as text. */
export function rackPath(group: readonly string[]): string {
  return group.join("/");
}

/** Makes a fabric ready for look-ups. */
export function createFabricMap(fabric: Fabric): FabricMap {
  const cables = new Map<string, Cable[]>();
  for (const { ends } of fabric.links) {
    const [first, second] = ends;
    for (const [near, far] of [
      [first, second],
      [second, first],
    ] as const) {
      const own = cables.get(near.device) ?? [];
      cables.set(near.device, own);
      for (const family of [4, 6] as const) {
        const [local, remote] = [near[`ipv${family}`], far[`ipv${family}`]];
        if (local !== undefined && remote !== undefined)
          own.push({ family, local, peer: far.device, remote });
      }
    }
  }
  return {
    spines: new Map(fabric.spines.map((spine) => [spine.name, spine])),
    leaves: new Map(
      fabric.racks.flatMap((rack) => rack.leaves.map((leaf) => [leaf.name, { leaf, rack }] as const)),
    ),
    racks: new Map(fabric.racks.map((rack) => [rackPath(rack.group), rack])),
    cablesOf: (device, family) => (cables.get(device) ?? []).filter((cable) => cable.family === family),
  };
}
