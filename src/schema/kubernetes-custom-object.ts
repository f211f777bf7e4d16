import { z } from "zod";
import { invalidInput, type Network, type Policy } from "../model/index.ts";
import { decodeWith } from "./decode.ts";
import { decodeNetwork } from "./network.ts";
import { decodePolicyDocument } from "./policy-document.ts";

const customSchema = z.object({
  metadata: z.object({ name: z.string(), uid: z.string() }),
  spec: z.record(z.string(), z.unknown()),
});

/** The network of a Network (romana.io/v1): `spec` is a network document, whose name is that of the object. */
export function decodeCustomNetwork(value: unknown): Network {
  const what = "read Network";
  const { metadata, spec } = decodeWith(customSchema, what, value);
  const given = spec["name"];
  if (given !== undefined && given !== metadata.name) {
    throw invalidInput(what, [
      { path: "spec.name", reason: `differs from the object's, "${metadata.name}"` },
    ]);
  }
  return decodeNetwork({ ...spec, name: metadata.name });
}

/** The ID of the policy that a Policy (romana.io/v1) becomes. */
export function customPolicyId(name: string): string {
  return `crd.${name}`;
}

/**
 * The policy of a Policy (romana.io/v1): `spec` is one native policy document. Whatever ID that has, the policy's is
 * {@link customPolicyId}.
 * @throws RomanaError `invalid-input` with all faults.
 */
export function decodeCustomPolicy(value: unknown): Policy {
  const what = "read Policy";
  const { metadata, spec } = decodeWith(customSchema, what, value);
  const id = customPolicyId(metadata.name);
  const [policy, ...more] = decodePolicyDocument({ ...spec, id }, what);
  if (policy === undefined || more.length > 0) {
    throw invalidInput(what, [{ path: "spec", reason: "one policy is wanted" }]);
  }
  return { ...policy, id, externalId: policy.externalId ?? metadata.uid };
}
