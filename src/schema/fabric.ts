import { z } from "zod";
import type { Fabric, FabricBfd, FabricDevice, FabricPort } from "../model/index.ts";
import { formatAddress } from "../net/index.ts";
import { decodeWith, patterned, strict } from "./decode.ts";
import {
  addressPairSchema,
  encodeAddressPair,
  ipv4AddressSchema,
  ipv6AddressSchema,
  nameSchema,
  revisionSchema,
} from "./text.ts";

/** Noticed in 0.3 s; what both daemons manage without load worth mentioning. */
const DEFAULT_BFD: FabricBfd = { intervalMs: 100, multiplier: 3 };

const asnSchema = z.int().min(0).meta({ description: "Autonomous system, four bytes (RFC 6793)." });

const deviceShape = {
  name: nameSchema,
  asn: asnSchema,
  routerId: ipv4AddressSchema.meta({ description: "Identifies it in BGP." }),
};

const spineSchema = strict(deviceShape);
const leafSchema = strict({
  ...deviceShape,
  segment: addressPairSchema
    .exactOptional()
    .meta({ description: "Its addresses on the segment that it shares with the hosts of its rack." }),
});

const portSchema = strict({
  device: nameSchema.meta({ description: "A spine, a leaf or a host." }),
  ipv4: ipv4AddressSchema.exactOptional(),
  ipv6: ipv6AddressSchema.exactOptional(),
});

const communitySchema = patterned(
  /^(?:[0-9]{1,5}:[0-9]{1,5}|[0-9]{1,10}:[0-9]{1,10}:[0-9]{1,10})$/,
  "a community such as 65000:1, or a large one such as 65000:1:2",
).refine(fits, { error: ({ input }) => `"${String(input)}" has a number that is too large` });

const bfdSchema = strict({
  intervalMs: z.int().meta({ description: "Milliseconds between two packets." }),
  multiplier: z.int().meta({ description: "Packets that may be missing." }),
});

const fabricShape = {
  name: nameSchema,
  hostAsn: asnSchema.meta({ description: "Autonomous system of all hosts." }),
  spines: z.array(spineSchema).default([]),
  racks: z
    .array(
      strict({
        group: z.array(nameSchema).min(1).meta({ description: "Group names from the first level down." }),
        leaves: z.array(leafSchema).min(1),
      }),
    )
    .min(1),
  links: z.array(strict({ ends: z.tuple([portSchema, portSchema]) })).default([]),
  bfd: z
    .union([bfdSchema, z.literal(false)])
    .default(DEFAULT_BFD)
    .meta({ description: "How fast a dead neighbour is noticed; false: after the hold time only." }),
  gracefulRestart: z.boolean().default(false),
  communities: strict({
    host: z.array(communitySchema).default([]),
    rack: z.array(communitySchema).default([]),
  }).default({ host: [], rack: [] }),
  passwordName: nameSchema.exactOptional(),
};

const DESCRIPTION = "The routers around the hosts and how they talk.";

/** A fabric document. */
export const fabricSchema = strict(fabricShape)
  .transform(({ bfd, ...rest }): Fabric => ({ ...rest, ...(bfd !== false && { bfd }) }))
  .meta({ id: "FabricSpec", description: DESCRIPTION });

/** A fabric as romanad stores it. */
export const fabricResourceSchema = strict({ ...fabricShape, revision: revisionSchema })
  .transform(({ bfd, ...rest }): FabricResource => ({ ...rest, ...(bfd !== false && { bfd }) }))
  .meta({ id: "Fabric", description: DESCRIPTION });

/** A fabric with its revision. */
export interface FabricResource extends Fabric {
  readonly revision: number;
}

/** A fabric document as JSON. */
export type FabricJson = z.input<typeof fabricSchema>;

/** Reads a fabric document. Whether it makes sense is judged by `fabricFaults`. @throws RomanaError `invalid-input`. */
export function decodeFabric(value: unknown): Fabric {
  return decodeWith(fabricSchema, "read fabric", value);
}

/** A stored fabric as JSON. */
export function encodeFabricResource(fabric: Fabric, revision: number): z.input<typeof fabricResourceSchema> {
  return { ...encodeFabric(fabric), revision };
}

/** A fabric as JSON that {@link decodeFabric} reads back as the same fabric. */
export function encodeFabric(fabric: Fabric): FabricJson {
  const { name, hostAsn, spines, racks, links, bfd, gracefulRestart, communities, passwordName } = fabric;
  return {
    name,
    hostAsn,
    spines: spines.map(encodeDevice),
    racks: racks.map(({ group, leaves }) => ({
      group: [...group],
      leaves: leaves.map((leaf) => ({
        ...encodeDevice(leaf),
        ...(leaf.segment && { segment: encodeAddressPair(leaf.segment) }),
      })),
    })),
    links: links.map(({ ends: [first, second] }) => ({ ends: [encodePort(first), encodePort(second)] })),
    bfd: bfd === undefined ? false : { ...bfd },
    gracefulRestart,
    communities: { host: [...communities.host], rack: [...communities.rack] },
    ...(passwordName !== undefined && { passwordName }),
  };
}

function encodeDevice({ name, asn, routerId }: FabricDevice): z.input<typeof spineSchema> {
  return { name, asn, routerId: formatAddress(routerId) };
}

function encodePort({ device, ...pair }: FabricPort): z.input<typeof portSchema> {
  return { device, ...encodeAddressPair(pair) };
}

/** Numbers of standard communities have two bytes, those of large ones four. */
function fits(text: string): boolean {
  const numbers = text.split(":").map(Number);
  const most = numbers.length === 2 ? 0xffff : 0xffffffff;
  return !numbers.some((number) => number > most);
}
