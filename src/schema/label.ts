import { z } from "zod";
import {
  LABEL_KEY_PATTERN,
  LABEL_VALUE_PATTERN,
  type LabelRequirement,
  type Labels,
} from "../model/index.ts";
import { oneOf, patterned, quote, strict } from "./decode.ts";

const MAX_LABELS = 100;

/** The key of a label: a Kubernetes label key, with its prefix (Kubernetes "Labels and Selectors"). */
export const labelKeySchema = patterned(
  LABEL_KEY_PATTERN,
  'a label key: 1 to 316 letters, digits, "_", ".", "/" or "-", the first and the last a letter, digit or "_"',
);

/** The value of a label. */
export const labelValueSchema = patterned(
  LABEL_VALUE_PATTERN,
  "a label value: up to 255 characters without control characters",
);

/** Labels as an object. z.record would lose a label with the key "__proto__". */
export const labelsSchema = z
  .custom<Record<string, string>>(
    (value) => typeof value === "object" && value !== null && !Array.isArray(value),
    { error: "expected an object with label keys as keys" },
  )
  .meta({
    id: "Labels",
    type: "object",
    description: "Keys and values that policies select by.",
    additionalProperties: { type: "string" },
    examples: [{ app: "web" }],
  })
  .transform((value, context): Labels => {
    const entries = Object.entries(value);
    if (entries.length > MAX_LABELS) {
      context.addIssue({ code: "custom", message: `has more than ${MAX_LABELS} labels`, input: value });
    }
    for (const [key, text] of entries) {
      if (typeof text !== "string") {
        context.addIssue({ code: "custom", message: `expected text, got ${quote(text)}`, path: [key] });
        continue;
      }
      for (const result of [labelKeySchema.safeParse(key), labelValueSchema.safeParse(text)]) {
        for (const { message } of result.error?.issues ?? []) {
          context.addIssue({ code: "custom", message, path: [key], input: text });
        }
      }
    }
    return new Map(entries);
  });

/** Labels as JSON; any key may be one. */
export function encodeLabels(labels: Labels): Record<string, string> {
  return Object.fromEntries(labels);
}

const operatorSchema = oneOf(["In", "NotIn", "Exists", "DoesNotExist"]);

/** One condition on labels (Kubernetes LabelSelectorRequirement). */
export const labelRequirementSchema = strict({
  key: labelKeySchema,
  operator: operatorSchema,
  values: z.array(labelValueSchema).default([]),
})
  .refine(({ operator, values }) => isSet(operator) === values.length > 0, {
    error: "In and NotIn want values, Exists and DoesNotExist have none",
    path: ["values"],
  })
  .meta({ id: "LabelRequirement", description: "One condition on labels." });

/** A condition on labels as JSON. */
export function encodeLabelRequirement({
  key,
  operator,
  values,
}: LabelRequirement): z.input<typeof labelRequirementSchema> {
  return { key, operator, ...(isSet(operator) && { values: [...values] }) };
}

function isSet(operator: LabelRequirement["operator"]): boolean {
  return operator === "In" || operator === "NotIn";
}
