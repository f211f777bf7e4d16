const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/**
 * A 32-bit number that is the same for the same text on every host and in every version: FNV-1a (RFC 9923) over the code units, and
 * the finalizer of MurmurHash3, so that texts that differ little give numbers that do not.
 */
export function stableHash(text: string): number {
  let hash = FNV_OFFSET;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), FNV_PRIME);
  return mixed(hash);
}

/** A 32-bit number out of two. */
export function stablePair(a: number, b: number): number {
  return mixed(a ^ Math.imul(b + 1, 0x9e3779b1));
}

/** A name of 16 hexadecimal digits for a text: short enough for the kernel, and no other text's. */
export function stableName(text: string): string {
  return [text, `\n${text}`].map((part) => stableHash(part).toString(16).padStart(8, "0")).join("");
}

function mixed(hash: number): number {
  let value = hash ^ (hash >>> 16);
  value = Math.imul(value, 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}
