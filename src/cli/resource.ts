import type { Client } from "../client/index.ts";
import type { Command, Completer, Input, Option, Result } from "./command.ts";
import { type Column, count, renderFields, renderTable, type Screen } from "./format.ts";

/** One kind of object as the commands of a noun print it. */
export interface Resource<T> {
  readonly noun: string;
  /** Absent: the noun with an "s". */
  readonly plural?: string;
  readonly columns: readonly Column<T>[];
  /** The object as the REST API shows it. */
  encode(object: T): unknown;
}

/** A page of a listing. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor?: string;
}

/** HTTP status of an answer about a new object. */
const CREATED = 201;

/** Items that are asked for at a time; people never see pages. */
export const PAGE_LIMIT = 1000;

/** All items of a listing, page by page. */
export async function listAll<T>(
  read: (page: { limit: number; cursor?: string }) => Promise<Page<T>>,
): Promise<readonly T[]> {
  const items: T[] = [];
  let cursor: string | undefined;
  do {
    const page = await read({ limit: PAGE_LIMIT, ...(cursor !== undefined && { cursor }) });
    items.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return items;
}

/** The result of `list`. */
export function listResult<T>(resource: Resource<T>, items: readonly T[]): Result {
  return {
    data: items.map((item) => resource.encode(item)),
    text: (screen) => renderTable(screen, resource.columns, items, `No ${pluralOf(resource)}`),
  };
}

/** The result of `show`: every column of the object below each other, then what is added. */
export function showResult<T>(
  resource: Resource<T>,
  object: T,
  extra: {
    readonly data?: object;
    readonly fields?: readonly (readonly [string, string | undefined])[];
  } = {},
): Result {
  const fields = resource.columns.map((column) => [column.title, column.value(object)] as const);
  return {
    data: { ...(resource.encode(object) as object), ...extra.data },
    text: (screen) => renderFields(screen, [...fields, ...(extra.fields ?? [])]),
  };
}

/** An object after a creation (with the status of the answer) or after a change (without one). */
export interface Outcome<T> {
  /** 201: it is new; 200: it was there already, and equal. */
  readonly status?: number;
  readonly object: T;
}

/** The result of `create` and `update`; what came from one object's options is data of one object. */
export function outcomeResult<T>(
  resource: Resource<T>,
  outcomes: readonly Outcome<T>[],
  single: boolean,
): Result {
  const columns: readonly Column<Outcome<T>>[] = [
    {
      title: "result",
      value: wordFor,
      tone: (outcome) => (wordFor(outcome) === "unchanged" ? "faint" : "good"),
    },
    ...resource.columns.map(({ tone, value, ...column }) => ({
      ...column,
      value: ({ object }: Outcome<T>) => value(object),
      ...(tone && { tone: ({ object }: Outcome<T>) => tone(object) }),
    })),
  ];
  const data = outcomes.map(({ object }) => resource.encode(object));
  return {
    data: single ? data[0] : data,
    text: (screen) => renderTable(screen, columns, outcomes, `No ${pluralOf(resource)}`),
  };
}

function pluralOf({ noun, plural }: Resource<never>): string {
  return plural ?? `${noun}s`;
}

function wordFor({ status }: Outcome<unknown>): "created" | "unchanged" | "updated" {
  if (status === undefined) return "updated";
  return status === CREATED ? "created" : "unchanged";
}

/** What a delete took away, as the API tells it. */
export interface Deleted {
  readonly dryRun: boolean;
  readonly deleted: readonly { readonly noun: string; readonly name: string }[];
}

/** The result of `delete`: a line for each object that went, or would go. */
function deletionResult(deletions: readonly Deleted[]): Result {
  const line = (screen: Screen, { dryRun, deleted }: Deleted): string =>
    deleted
      .map(
        ({ noun, name }) =>
          `${noun} "${name}" ${screen.paint("faint", dryRun ? "would be deleted" : "deleted")}`,
      )
      .join("\n");
  return {
    data: deletions.length === 1 ? deletions[0] : deletions,
    text: (screen) => {
      const lines = deletions.map((deletion) => line(screen, deletion)).filter((text) => text !== "");
      const total = deletions.reduce((sum, { deleted }) => sum + deleted.length, 0);
      return total > 1 ? [...lines, count(total, "object")].join("\n") : lines.join("\n");
    },
  };
}

/** The option of a `delete` that only looks. */
export const DRY_RUN_OPTION: Option = { name: "dry-run", summary: "Only say what would be deleted" };

/** The options of the `delete` of objects that others may use. */
export const DELETE_OPTIONS: readonly Option[] = [
  { name: "cascade", summary: "Delete what uses it, too" },
  DRY_RUN_OPTION,
];

/** The query of a delete from its options. */
export function deleteQuery(input: Input): { cascade?: true; dryRun?: true } {
  return { ...(input.flag("cascade") && { cascade: true }), ...dryRunQuery(input) };
}

/** The query of a delete that has nothing to cascade to. */
export function dryRunQuery(input: Input): { dryRun?: true } {
  return input.flag("dry-run") ? { dryRun: true } : {};
}

/** The option that makes a change or a delete depend on the revision that was seen. */
export const REVISION_OPTION: Option = {
  name: "revision",
  value: "NUMBER",
  kind: "integer",
  summary: "Only when the object is still at this revision",
};

/** The condition of a change from its options. */
export function changeOptions(input: Input): { ifMatch?: number } {
  const revision = input.integer("revision");
  return revision === undefined ? {} : { ifMatch: revision };
}

/** The option that reads documents instead of flags. */
export const FILE_OPTION: Option = {
  name: "file",
  short: "f",
  value: "FILE",
  summary: 'Read documents (YAML or JSON) from a file, "-" for standard input',
  complete: "file",
};

/** The `delete` of a noun: one or more names, each with the same options. */
export function deleteCommand(
  noun: string,
  complete: Completer,
  options: readonly Option[],
  examples: readonly string[],
  remove: (client: Client, name: string, input: Input) => Promise<Deleted>,
): Command {
  return {
    verb: "delete",
    aliases: ["rm"],
    summary: `Delete ${noun}s`,
    arguments: [{ name: noun, summary: `Which ${noun}s`, many: true, complete }],
    options: [...options, REVISION_OPTION],
    examples,
    run: async (input, context) => {
      const client = await context.client();
      const deletions: Deleted[] = [];
      for (const name of input.argumentList(noun)) deletions.push(await remove(client, name, input));
      return deletionResult(deletions);
    },
  };
}
