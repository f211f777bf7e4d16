import { type Exception, NAME_PATTERN, type Policy } from "../model/index.ts";
import { formatPrefix, type Prefix } from "../net/index.ts";
import { listOf, readFields, readPrefix, textOf } from "./json-value.ts";
import { readPolicy } from "./policy-value.ts";

const EXCEPTION_FIELDS = new Set(["tenant", "segment", "blocks"] as const);
const readName = textOf(NAME_PATTERN);
const readBlocks = listOf(readPrefix);

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

/** Reads what {@link encodePolicyRecord} writes for the policy. @throws Error of any kind when it is damaged. */
export function decodePolicyRecord(id: string, text: string): Policy {
  const policy = readPolicy(JSON.parse(text));
  if (policy.id !== id) throw new SyntaxError(`the value says "${policy.id}", the key says "${id}"`);
  return policy;
}

/** The value of an exception's key. */
export function encodeExceptionRecord({ blocks, tenant, segment }: Exception): string {
  return JSON.stringify({ tenant, segment, blocks: blocks.map(formatPrefix) });
}

/** Reads what {@link encodeExceptionRecord} writes. @throws Error of any kind when it is damaged. */
export function decodeExceptionRecord(text: string): Exception {
  const { tenant, segment, blocks } = readFields(JSON.parse(text), EXCEPTION_FIELDS);
  return { tenant: readName(tenant), segment: readName(segment), blocks: readBlocks(blocks) };
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
