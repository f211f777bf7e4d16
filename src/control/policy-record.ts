import type { Exception, Policy } from "../model/index.ts";
import { formatPrefix, type Prefix, parsePrefix } from "../net/index.ts";

/** Fields of a policy that hold prefixes; everything else in it is plain data. */
const PREFIX_FIELDS = ["prefix", "except", "addresses"];

/** The value of a policy's key: the policy as JSON, its prefixes as text. */
export function encodePolicyRecord(policy: Policy): string {
  return JSON.stringify(policyJson(policy));
}

/** A policy as JSON data. */
export function policyJson(policy: Policy): object {
  const fields = new Map(Object.entries(policy));
  for (const key of ["appliedTo", "rules"]) fields.set(key, plain(fields.get(key)));
  return Object.fromEntries(fields);
}

/** Reads what {@link encodePolicyRecord} writes. @throws Error of any kind when it is damaged. */
export function decodePolicyRecord(text: string): Policy {
  const policy = JSON.parse(text, (key, value: unknown) =>
    PREFIX_FIELDS.includes(key) ? readPrefixes(value) : value,
  ) as Policy;
  if (typeof policy.id !== "string" || !Array.isArray(policy.rules) || !Array.isArray(policy.appliedTo)) {
    throw new SyntaxError("this is no policy");
  }
  return policy;
}

/** The value of an exception's key. */
export function encodeExceptionRecord({ blocks, tenant, segment }: Exception): string {
  return JSON.stringify({ tenant, segment, blocks: blocks.map(formatPrefix) });
}

/** Reads what {@link encodeExceptionRecord} writes. @throws Error of any kind when it is damaged. */
export function decodeExceptionRecord(text: string): Exception {
  const { tenant, segment, blocks } = JSON.parse(text) as {
    tenant: string;
    segment: string;
    blocks: string[];
  };
  if (typeof tenant !== "string" || typeof segment !== "string") throw new SyntaxError("a name is missing");
  return { tenant, segment, blocks: blocks.map(parsePrefix) };
}

function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  if (isPrefix(value)) return formatPrefix(value);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

function isPrefix(value: object): value is Prefix {
  return "family" in value && "value" in value && typeof value.value === "bigint";
}

function readPrefixes(value: unknown): unknown {
  return Array.isArray(value)
    ? value.map((text) => parsePrefix(text as string))
    : parsePrefix(value as string);
}
