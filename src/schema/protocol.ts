import { z } from "zod";
import { HIGHEST } from "../model/index.ts";
import { quote } from "./decode.ts";
import { didYouMean } from "./did-you-mean.ts";

/** Protocols that documents name by a word, with their numbers (IANA). */
export const PROTOCOL_NUMBERS: ReadonlyMap<string, number> = new Map([
  ["tcp", 6],
  ["udp", 17],
  ["sctp", 132],
  ["icmp", 1],
  ["icmpv6", 58],
]);

/** An IP protocol: a word or its number. */
export const protocolSchema = z
  .union([z.int(), z.string()], { error: ({ input }) => notAProtocol(input) })
  .meta({
    id: "Protocol",
    description: `${[...PROTOCOL_NUMBERS.keys()].join(", ")}, or the number of an IP protocol.`,
    examples: ["tcp", 47],
  })
  .transform((input, context): number => {
    const number = parseProtocol(input);
    if (number !== undefined) return number;
    context.addIssue({ code: "custom", message: notAProtocol(input), input });
    return z.NEVER;
  });

/** The number of a protocol that is given as a word in any case, as a number, or as a number in text. */
export function parseProtocol(input: string | number): number | undefined {
  const text = String(input).trim().toLowerCase();
  const known = PROTOCOL_NUMBERS.get(text);
  if (known !== undefined) return known;
  if (!/^(0|[1-9][0-9]{0,2})$/.test(text) || Number(text) > HIGHEST.protocol) return undefined;
  return Number(text);
}

/** The word of a protocol, or its number where it has none. */
export function encodeProtocol(protocol: number): string | number {
  for (const [word, number] of PROTOCOL_NUMBERS) if (number === protocol) return word;
  return protocol;
}

function notAProtocol(input: unknown): string {
  const words = [...PROTOCOL_NUMBERS.keys()];
  if (input === undefined) return "is missing";
  const meant = typeof input === "string" ? didYouMean(input, words) : "";
  return `${quote(input)} is neither one of ${words.join(", ")} nor a number up to ${HIGHEST.protocol}${meant}`;
}
