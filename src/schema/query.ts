import { z } from "zod";
import { quote, strict } from "./decode.ts";
import { externalIdSchema, nameSchema } from "./text.ts";

/** Items of a page when the caller does not say. */
export const DEFAULT_PAGE_SIZE = 100;
/** Most items of one page. */
export const MAX_PAGE_SIZE = 1000;

/** An integer of a query string. Digits only: no sign, exponent, hexadecimal or empty text. */
export function integerText(minimum: number, maximum: number, description: string) {
  return z
    .custom<number | string>((value) => typeof value === "number" || typeof value === "string", {
      error: "expected one integer",
    })
    .meta({ type: "integer", minimum, maximum, description })
    .transform((input, context): number => {
      const number = /^[0-9]{1,16}$/.test(String(input)) ? Number(input) : Number.NaN;
      if (number >= minimum && number <= maximum) return number;
      const message = `${quote(input)} is not an integer in ${minimum}..${maximum}`;
      context.addIssue({ code: "custom", message, input });
      return z.NEVER;
    });
}

/** `true` or `false` in a query string. */
export function booleanText(description: string) {
  return z
    .custom<boolean | string>((value) => ["true", "false"].includes(String(value)), {
      error: ({ input }) => `${quote(input)} is neither true nor false`,
    })
    .meta({ type: "boolean", description })
    .transform((input): boolean => String(input) === "true");
}

/** A position in a listing. It is the caller's to give back, not to read or to make. */
const cursorSchema = z
  .string()
  .max(2000)
  .meta({ description: "`nextCursor` of the page before." })
  .transform((text, context): string => {
    const position = Buffer.from(text, "base64url").toString();
    if (position !== "" && encodeCursor(position) === text) return position;
    context.addIssue({
      code: "custom",
      message: `${quote(text)} is not a cursor of a page before`,
      input: text,
    });
    return z.NEVER;
  });

/** A position in a listing as text that nobody is tempted to make up. */
export function encodeCursor(position: string): string {
  return Buffer.from(position).toString("base64url");
}

const pageShape = {
  limit: integerText(
    1,
    MAX_PAGE_SIZE,
    `Most items of the page; default ${DEFAULT_PAGE_SIZE}.`,
  ).exactOptional(),
  cursor: cursorSchema.exactOptional(),
};

/** Query of a listing. */
export const pageQuerySchema = strict(pageShape);

/** Query of the listings of tenants and of segments. */
export const ownersQuerySchema = strict({ ...pageShape, externalId: externalIdSchema.exactOptional() });

/** Query of the listing of endpoints. */
export const endpointsQuerySchema = strict({
  ...pageShape,
  network: nameSchema.exactOptional(),
  host: nameSchema.exactOptional(),
  tenant: nameSchema.exactOptional(),
  segment: nameSchema.exactOptional().meta({ description: "Name of a segment; wants `tenant` too." }),
  relocated: booleanText("Only those that are on another host than their address says.").exactOptional(),
});

/** Query of the listing of workloads. */
export const workloadsQuerySchema = strict({ ...pageShape, tenant: nameSchema.exactOptional() });

const dryRunSchema = booleanText("Only say what would be deleted.").exactOptional();

/** Query of a delete. */
export const deleteQuerySchema = strict({
  cascade: booleanText("Delete what uses the object too.").exactOptional(),
  dryRun: dryRunSchema,
});

/** Query of a release. */
export const releaseQuerySchema = strict({ dryRun: dryRunSchema });
