import type { AddressPlan, Fault, SegmentCode } from "../model/index.ts";
import { codeBits, endpointBitsBehind, endpointCapacity, MAX_LEVEL_BITS, segmentCodes } from "./layout.ts";

/** The text of a segment code: `5`, or with extra bits `5+2` or `5-2`. */
export function formatSegmentCode({ code, extraBits }: SegmentCode): string {
  return extraBits === 0 ? `${code}` : `${code}${extraBits > 0 ? "+" : "-"}${Math.abs(extraBits)}`;
}

/** Reads the text of a segment code. @throws SyntaxError that quotes the text. */
export function parseSegmentCode(text: string): SegmentCode {
  const match = /^(0|[1-9][0-9]{0,9})(?:([+-])([1-9][0-9]?))?$/.exec(text);
  if (match === null) throw new SyntaxError(`"${text}" is not a segment code such as 5, 5+2 or 5-2`);
  const bits = Number(match[3] ?? 0);
  return { code: Number(match[1]), extraBits: match[2] === "-" ? -bits : bits };
}

/**
 * True when two codes of one tenant share an address in any plan: the shorter one is the start of the longer
 * one. Widths are relative to the plan's, so the answer is the same for every plan.
 */
export function codesOverlap(a: SegmentCode, b: SegmentCode): boolean {
  const [short, long] = a.extraBits <= b.extraBits ? [a, b] : [b, a];
  return Math.floor(long.code / 2 ** (long.extraBits - short.extraBits)) === short.code;
}

/** Why the code does not fit the plan; empty when it does. */
export function codeFaults(plan: AddressPlan, code: SegmentCode): readonly Fault[] {
  const reason = widthReason(plan, code);
  if (reason !== undefined) return [{ path: "segment", reason }];
  const { first, last } = segmentCodes(plan, code.extraBits);
  if (Number.isInteger(code.code) && code.code >= first && code.code <= last) return [];
  const bits = codeBits(plan, code.extraBits);
  return [{ path: "segment", reason: `code ${code.code} is not in ${first}..${last} (${bits} bits)` }];
}

function widthReason(plan: AddressPlan, code: SegmentCode): string | undefined {
  const { extraBits } = code;
  const text = formatSegmentCode(code);
  if (!Number.isInteger(extraBits)) return `${extraBits} is not a number of bits`;
  const bits = codeBits(plan, extraBits);
  const behind = endpointBitsBehind(plan, extraBits);
  if (bits < 0)
    return `${text} gives up ${-extraBits} bits, but the plan has ${plan.segmentBits} segment bits`;
  if (behind < 0)
    return `${text} takes ${extraBits} bits, but the plan has ${plan.endpointBits} endpoint bits`;
  if (bits > MAX_LEVEL_BITS) return `${text} is ${bits} bits wide, at most ${MAX_LEVEL_BITS} can be used`;
  if (behind > MAX_LEVEL_BITS) {
    return `${text} leaves ${behind} endpoint bits, at most ${MAX_LEVEL_BITS} can be used`;
  }
  if (endpointCapacity(plan, extraBits) < 1) return `${text} leaves no endpoint ID that is not reserved`;
  return undefined;
}
