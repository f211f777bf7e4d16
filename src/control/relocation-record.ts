import { NAME_PATTERN, type Relocation } from "../model/index.ts";
import { formatPrefix } from "../net/index.ts";
import { listOf, readFields, readPrefix, textOf } from "./json-value.ts";

const FIELDS = new Set(["network", "host", "locatedOn", "blocks"] as const);
const readName = textOf(NAME_PATTERN);
const readBlocks = listOf(readPrefix);

/** The value of a relocation's key. */
export function encodeRelocationRecord({ network, host, locatedOn, blocks }: Relocation): string {
  return JSON.stringify({ network, host, locatedOn, blocks: blocks.map(formatPrefix) });
}

/** Reads what {@link encodeRelocationRecord} writes. @throws Error of any kind when it is damaged. */
export function decodeRelocationRecord(text: string): Relocation {
  const { network, host, locatedOn, blocks } = readFields(JSON.parse(text), FIELDS);
  return {
    network: readName(network),
    host: readName(host),
    locatedOn: readName(locatedOn),
    blocks: readBlocks(blocks),
  };
}
