import { z } from "zod";
import type { ErrorCode } from "../model/index.ts";
import { COMMON_ERRORS, problemSchema, type RouteContract, STATUS_OF_CODE } from "../schema/index.ts";
import { PROBLEM_MEDIA_TYPE } from "./problem.ts";

/** A JSON schema as zod makes it. */
interface JsonSchema {
  readonly [key: string]: unknown;
  readonly $ref?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly description?: string;
}

/** An OpenAPI document. */
export interface OpenApiDocument {
  readonly openapi: "3.1.0";
  readonly info: object;
  readonly paths: Readonly<Record<string, Record<string, object>>>;
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>> };
  readonly [key: string]: unknown;
}

const ETAG = { description: "Revision of the object, in quotes.", schema: { type: "string" } };

const IF_MATCH = {
  name: "If-Match",
  in: "header",
  description: "Revision in quotes: the request is refused with 412 unless the object is at it.",
  schema: { type: "string", examples: ['"42"'] },
};

const LOCATION = { description: "Path of the object.", schema: { type: "string" } };

/** Describes a contract as OpenAPI 3.1, from the schemas that also validate. */
export function openApiDocument(
  contract: Readonly<Record<string, RouteContract>>,
  version: string,
): OpenApiDocument {
  const components = new Components();
  const paths: Record<string, Record<string, object>> = {};
  for (const [operationId, route] of Object.entries(contract)) {
    const path = route.path.replace(/:([a-z]+)/g, "{$1}");
    const operations = (paths[path] ??= {});
    operations[route.method.toLowerCase()] = describeOperation(operationId, route, components);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Romana",
      version,
      description:
        "Networks, hosts, tenants, segments and endpoints with addresses that carry their identity.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    paths,
    components: { schemas: components.schemas },
  };
}

function describeOperation(operationId: string, route: RouteContract, components: Components): object {
  const parameters = [
    ...parametersOf("path", route.params, components),
    ...parametersOf("query", route.query, components),
    ...(route.revision === "if-match" ? [IF_MATCH] : []),
  ];
  return {
    operationId,
    summary: route.summary,
    tags: [route.tag],
    ...(parameters.length > 0 && { parameters }),
    ...(route.body && {
      requestBody: {
        required: !route.body.safeParse(undefined).success,
        content: { "application/json": { schema: components.schemaOf(route.body) } },
      },
    }),
    responses: { ...successes(route, components), ...problems(route, components) },
  };
}

function parametersOf(
  place: "path" | "query",
  schema: z.ZodType | undefined,
  components: Components,
): object[] {
  if (schema === undefined) return [];
  const { properties = {}, required = [] } = components.inline(schema);
  return Object.entries(properties).map(([name, property]) => {
    const { description, ...rest } = property;
    return {
      name,
      in: place,
      required: required.includes(name),
      ...(description !== undefined && { description }),
      schema: rest,
    };
  });
}

function successes(route: RouteContract, components: Components): Record<string, object> {
  const headers = {
    ...(route.revision && route.method !== "DELETE" && { ETag: ETAG }),
    ...(route.method === "POST" && route.revision && { Location: LOCATION }),
  };
  const mediaType = route.mediaType ?? "application/json";
  return Object.fromEntries(
    Object.entries(route.statuses).map(([status, description]) => [
      status,
      {
        description,
        ...(Object.keys(headers).length > 0 && { headers }),
        content: { [mediaType]: { schema: components.schemaOf(route.response) } },
      },
    ]),
  );
}

/** The problems of an operation by status, each with the codes that it may carry. */
function problems(route: RouteContract, components: Components): Record<string, object> {
  const codes = new Map<number, ErrorCode[]>();
  for (const code of new Set([...COMMON_ERRORS, ...route.errors])) {
    const status = code === "revision-mismatch" && route.revision === "if-match" ? 412 : STATUS_OF_CODE[code];
    codes.set(status, [...(codes.get(status) ?? []), code]);
  }
  const content = { [PROBLEM_MEDIA_TYPE]: { schema: components.schemaOf(problemSchema) } };
  return Object.fromEntries(
    Array.from(codes, ([status, list]) => [
      String(status),
      { description: `Problem: ${list.join(", ")}`, content },
    ]),
  );
}

/** Collects the named schemas of a document. */
class Components {
  readonly schemas: Record<string, JsonSchema> = {};

  /** The schema, or a reference to it when it has a name. */
  schemaOf(schema: z.ZodType): JsonSchema {
    // As a field of an object the schema keeps its name; at the top zod would write it out.
    return this.inline(z.object({ field: schema })).properties?.["field"] as JsonSchema;
  }

  /** The schema written out; the named ones inside it become components. */
  inline(schema: z.ZodType): JsonSchema {
    const {
      $defs = {},
      $schema: _,
      ...json
    } = z.toJSONSchema(schema, {
      io: "input",
      unrepresentable: "any",
    }) as JsonSchema & { $defs?: Record<string, JsonSchema> };
    for (const [name, definition] of Object.entries($defs)) {
      const { id: _id, ...rest } = definition;
      this.schemas[name] = withComponentRefs(rest) as JsonSchema;
    }
    return withComponentRefs(json) as JsonSchema;
  }
}

function withComponentRefs(value: unknown): unknown {
  const text = JSON.stringify(value).replaceAll('"#/$defs/', '"#/components/schemas/');
  return JSON.parse(text);
}
