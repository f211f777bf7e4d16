import { type Fault, hasCode, invalidInput, type Policy } from "../model/index.ts";
import { decodePolicyDocument } from "../schema/index.ts";
import { readDocuments } from "./documents.ts";

/**
 * All policies of some files: native documents of any generation, or what romanad answers.
 * @throws RomanaError `invalid-input` with all faults of all files.
 */
export function readPolicies(files: readonly string[]): Policy[] {
  const faults: Fault[] = [];
  const policies: { readonly file: string; readonly policy: Policy }[] = [];
  for (const file of files) {
    const documents = readDocuments(file);
    for (const [index, document] of documents.entries()) {
      const place = documents.length === 1 ? file : `${file}, document ${index + 1}`;
      try {
        policies.push(...decodePolicyDocument(withoutState(document)).map((policy) => ({ file, policy })));
      } catch (error) {
        if (!hasCode(error, "invalid-input")) throw error;
        faults.push(
          ...error.failure.faults.map(({ path, reason }) => ({
            path: path === "" ? place : `${place}: ${path}`,
            reason,
          })),
        );
      }
    }
  }
  for (const [index, { file, policy }] of policies.entries()) {
    const first = policies.findIndex((other) => other.policy.id === policy.id);
    if (first !== index) faults.push({ path: file, reason: `policy "${policy.id}" is there twice` });
  }
  if (faults.length > 0) throw invalidInput("read policies", faults);
  return policies.map(({ policy }) => policy);
}

/** What `policy show -o yaml` adds to a policy says how it is, and is nothing to wish for. */
function withoutState(document: unknown): unknown {
  if (typeof document !== "object" || document === null || !("appliedTo" in document)) return document;
  const { revision: _r, state: _s, missing: _m, damage, ...rest } = document as Record<string, unknown>;
  // What only stands for a policy that cannot be read is refused: it is not what anybody wrote.
  return damage === undefined || damage === "earlier-version" ? rest : { ...rest, damage };
}
