import { z } from "zod";
import { isAddress, type Prefix, parseAddress, prefixContainsPrefix, prefixOf } from "../net/index.ts";
import { oneOf, patterned, quote, strict, textOf } from "./decode.ts";

/** Transport protocols of the Kubernetes API. */
export const kubernetesProtocolSchema = oneOf(["TCP", "UDP", "SCTP"]);

/** A port number. */
export const portNumberSchema = z.int().min(1).max(65_535);

/** Name of a container's port (IANA service name): what policies may say instead of its number. */
export const portNameSchema = patterned(
  /^(?=.{1,15}$)(?=.*[a-z])[a-z0-9]+(-[a-z0-9]+)*$/,
  'a port name: at most 15 lower-case letters, digits and single "-", one a letter',
);

/** Name of a namespace (RFC 1123 label). */
export const namespaceNameSchema = patterned(
  /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/,
  'a namespace: at most 63 lower-case letters, digits and "-", no "-" at its ends',
);

/** Name of most objects (RFC 1123 subdomain). */
export const objectNameSchema = patterned(
  /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/,
  'an object name: at most 253 lower-case letters, digits, "-" and ".", a letter or digit at the ends of each part',
);

const LABEL_KEY_WORDS = 'a label key such as "app" or "example.com/app"';

/** Key of a label: a name of at most 63 characters, perhaps behind a domain and "/". */
export const labelKeySchema = patterned(
  /^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/,
  LABEL_KEY_WORDS,
);

/** Value of a label; may be empty. */
export const labelValueSchema = patterned(
  /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/,
  'a label value: at most 63 letters, digits, "-", "_" and ".", a letter or digit at its ends',
);

/** Labels of an object. */
export const labelsSchema = z.record(labelKeySchema, labelValueSchema, {
  error: ({ code }) => (code === "invalid_key" ? `is not ${LABEL_KEY_WORDS}` : undefined),
});

/** An optional part: null means that it is not there, as for the Kubernetes API server. */
export function maybe<S extends z.ZodType>(
  schema: S,
): z.ZodOptional<z.ZodPipe<z.ZodNullable<S>, z.ZodTransform<z.output<S> | undefined, z.output<S> | null>>> {
  return schema
    .nullable()
    .transform((value: z.output<S> | null): z.output<S> | undefined => value ?? undefined)
    .optional();
}

/** A list that may be absent or null, which is the same as empty. */
export function listOf<S extends z.ZodType>(schema: S, most = Number.MAX_SAFE_INTEGER) {
  return z
    .array(schema)
    .max(most)
    .nullish()
    .transform((list) => list ?? []);
}

/**
 * A document of Kubernetes. A field `__proto__` is refused wherever it is: schemas would lose it, and a selector
 * that loses a label selects more.
 */
export function documentOf<S extends z.ZodType>(schema: S): z.ZodPipe<z.ZodUnknown, S> {
  const whole = z.unknown().superRefine((value, context) => {
    for (const path of protoPaths(value)) {
      context.addIssue({ code: "custom", path: [...path], message: "no field may have this name" });
    }
  });
  return whole.pipe(schema) as z.ZodPipe<z.ZodUnknown, S>;
}

function protoPaths(value: unknown): string[][] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === "__proto__" ? [[key]] : protoPaths(inner).map((path) => [key, ...path]),
  );
}

/** `metadata` of an object of a namespace; whatever else is in it is nobody's business here. */
export const namespacedMetadataSchema = z
  .looseObject({
    name: objectNameSchema,
    namespace: namespaceNameSchema.default("default"),
    uid: maybe(z.string()),
  })
  .transform(({ name, namespace, uid }) => ({ name, namespace, uid }));

/** `metadata` of an object of the cluster. */
export const clusterMetadataSchema = z
  .looseObject({ name: objectNameSchema, uid: maybe(z.string()) })
  .transform(({ name, uid }) => ({ name, uid }));

const WANTS_VALUES = { In: true, NotIn: true, Exists: false, DoesNotExist: false } as const;

const labelExpressionSchema = strict({
  key: labelKeySchema,
  operator: oneOf(["In", "NotIn", "Exists", "DoesNotExist"]),
  values: listOf(labelValueSchema),
}).superRefine(({ operator, values }, context) => {
  if (WANTS_VALUES[operator] === values.length > 0) return;
  const message = WANTS_VALUES[operator] ? `is empty, but ${operator} wants some` : `${operator} takes none`;
  context.addIssue({ code: "custom", path: ["values"], message });
});

/** Which labels are meant (meta/v1 LabelSelector). */
export const labelSelectorSchema = strict({
  matchLabels: maybe(labelsSchema),
  matchExpressions: maybe(z.array(labelExpressionSchema)),
});

/** A block of addresses. As in the Kubernetes API, bits behind the length may be set: they do not count. */
export const cidrSchema = textOf(parseCidr, {
  description: "A block of addresses.",
  examples: ["10.0.0.0/8"],
});

function parseCidr(text: string): Prefix {
  const [, host, length] = /^([^/]+)\/(0|[1-9][0-9]{0,2})$/.exec(text) ?? [];
  if (host === undefined || !isAddress(host)) throw new SyntaxError(`${quote(text)} is not a CIDR block`);
  const address = parseAddress(host);
  if (Number(length) > (address.family === 4 ? 32 : 128)) {
    throw new SyntaxError(`${quote(text)} is longer than an address of IPv${address.family}`);
  }
  return prefixOf(address, Number(length));
}

/** True when the inner block lies in the outer one and is not all of it. */
export function isStrictlyInside(outer: Prefix, inner: Prefix): boolean {
  return inner.length > outer.length && prefixContainsPrefix(outer, inner);
}
