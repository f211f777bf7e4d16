import { z } from "zod";

/** A JSON schema, as far as the table looks into it. */
interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly enum?: readonly string[];
  readonly anyOf?: readonly JsonSchema[];
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly default?: unknown;
  readonly description?: string;
}

/** The keys of a configuration as a Markdown table: name, kind of value, default, meaning. */
export function renderKeyTable(schema: z.ZodType): string {
  const { properties = {} } = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as JsonSchema;
  const rows = Object.entries(properties).map(([key, value]) => {
    const initial = "default" in value ? `\`${JSON.stringify(value.default)}\`` : "";
    return `| \`${key}\` | ${kindOf(value)} | ${initial} | ${value.description ?? ""} |`;
  });
  return ["| key | value | default | meaning |", "|---|---|---|---|", ...rows].join("\n");
}

function kindOf(schema: JsonSchema): string {
  if (schema.enum) return schema.enum.map((word) => `\`${word}\``).join(", ");
  if (schema.anyOf) return schema.anyOf.map(kindOf).join(" or ");
  if (schema.type === "array" && schema.items) return `list of ${kindOf(schema.items)}`;
  if (schema.type === "object" && schema.properties) {
    const fields = Object.entries(schema.properties).map(([key, value]) => `${key}: ${kindOf(value)}`);
    return `{${fields.join("; ")}}`;
  }
  if (typeof schema.type === "object")
    return schema.type.map((type) => kindOf({ ...schema, type })).join(" or ");
  if (schema.type === undefined || schema.type === "string") return "text";
  const { minimum, maximum } = schema;
  const bounds = minimum !== undefined && maximum !== undefined ? ` ${minimum}..${maximum}` : "";
  return `${schema.type}${bounds}`;
}
