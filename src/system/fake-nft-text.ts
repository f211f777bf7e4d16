/** A `chain`, `set`, `map` or `counter` of a table, as text in normal form. */
export interface TableObject {
  readonly kind: "chain" | "set" | "map" | "counter";
  readonly name: string;
  /** Declarations and rules in order, without the elements. */
  readonly lines: readonly string[];
  /** Texts of the elements, such as `7 . 10.1.1.27` or `tcp . 80 : accept`. */
  readonly elements: readonly string[];
}

/** One command of nft text, as far as the fake understands it. */
export type NftCommand =
  | {
      readonly verb: "add" | "create";
      readonly noun: "table";
      readonly table: string;
      readonly objects: readonly TableObject[];
    }
  | { readonly verb: "delete" | "flush"; readonly noun: "table"; readonly table: string }
  | { readonly verb: "flush"; readonly noun: "ruleset" }
  | { readonly verb: "add"; readonly noun: "object"; readonly table: string; readonly object: TableObject }
  | {
      readonly verb: "delete" | "flush";
      readonly noun: "object";
      readonly table: string;
      readonly kind: TableObject["kind"];
      readonly name: string;
    }
  | {
      readonly verb: "add";
      readonly noun: "rule";
      readonly table: string;
      readonly chain: string;
      readonly rule: string;
    }
  | {
      readonly verb: "add" | "delete";
      readonly noun: "element";
      readonly table: string;
      readonly set: string;
      readonly elements: readonly string[];
    };

/** A command that is not nft, with the line that it starts on. */
export class NftSyntaxError extends Error {
  readonly line: number;
  readonly source: string;

  constructor(line: number, source: string) {
    super(`line ${line}: syntax error`);
    this.name = "NftSyntaxError";
    this.line = line;
    this.source = source;
  }
}

/** A statement up to a line break or semicolon outside of braces and quotes. */
interface Statement {
  readonly text: string;
  readonly line: number;
}

const KIND = "(chain|set|map|counter)";
const FAMILY = "(?:ip|ip6|inet|arp|bridge|netdev) ";
const TABLE = `(?:${FAMILY})?(?!${FAMILY})(\\S+)`;

/** Reads nft text; tables of every family share their names. @throws NftSyntaxError for the first command that is none. */
export function parseNftText(text: string): readonly NftCommand[] {
  return statements(text, 1).map(({ text: source, line }) => {
    const command = parseCommand(source, line);
    if (command === undefined) throw new NftSyntaxError(line, source);
    return command;
  });
}

function parseCommand(source: string, line: number): NftCommand | undefined {
  const text = /^(?:table|chain|set|map|counter|rule|element) /.test(source) ? `add ${source}` : source;
  if (text === "flush ruleset") return { verb: "flush", noun: "ruleset" };
  const head = text.replace(/\s+/g, " ");
  let match = new RegExp(`^(delete|flush) table ${TABLE}$`).exec(head);
  if (match !== null) return { verb: match[1] as "delete", noun: "table", table: match[2] as string };
  match = new RegExp(`^(add|create) table ${TABLE}(?: \\{(.*)\\})?$`, "s").exec(text);
  if (match !== null) {
    const objects = statements(match[3] ?? "", line).flatMap(parseObject);
    return { verb: match[1] as "add", noun: "table", table: match[2] as string, objects };
  }
  match = new RegExp(`^(delete|flush) ${KIND} ${TABLE} (\\S+)$`).exec(head);
  if (match !== null) {
    const [, verb, kind, table, name] = match as unknown as [
      string,
      "delete",
      TableObject["kind"],
      string,
      string,
    ];
    return { verb, noun: "object", table, kind, name };
  }
  match = new RegExp(`^add ${KIND} ${TABLE} (\\S+)(?: \\{(.*)\\})?$`, "s").exec(text);
  if (match !== null) {
    const [, kind, table, name, body = ""] = match as unknown as [string, string, string, string, string?];
    const [object] = parseObject({ text: `${kind} ${name} {${body}}`, line });
    return object && { verb: "add", noun: "object", table, object };
  }
  match = new RegExp(`^(?:add|insert) rule ${TABLE} (\\S+) (.+)$`).exec(head);
  if (match !== null) {
    return {
      verb: "add",
      noun: "rule",
      table: match[1] as string,
      chain: match[2] as string,
      rule: match[3] as string,
    };
  }
  match = new RegExp(`^(add|delete) element ${TABLE} (\\S+) \\{(.*)\\}$`).exec(head);
  if (match !== null) {
    const elements = splitElements(match[4] as string);
    return {
      verb: match[1] as "add",
      noun: "element",
      table: match[2] as string,
      set: match[3] as string,
      elements,
    };
  }
  return undefined;
}

function parseObject({ text, line }: Statement): TableObject[] {
  const match = new RegExp(`^${KIND} (\\S+) \\{(.*)\\}$`, "s").exec(text);
  if (match === null) throw new NftSyntaxError(line, text);
  const lines: string[] = [];
  const elements: string[] = [];
  for (const inner of statements(match[3] as string, line)) {
    const list = /^elements = \{(.*)\}$/s.exec(inner.text);
    if (list === null) lines.push(inner.text.replace(/\s+/g, " "));
    else elements.push(...splitElements(list[1] as string));
  }
  return [{ kind: match[1] as TableObject["kind"], name: match[2] as string, lines, elements }];
}

function splitElements(text: string): string[] {
  return text
    .split(",")
    .map((element) => element.trim().replace(/\s+/g, " "))
    .filter((element) => element !== "");
}

function statements(text: string, firstLine: number): Statement[] {
  const found: Statement[] = [];
  let line = firstLine;
  let start = 0;
  let startLine = line;
  let depth = 0;
  let quoted = false;
  const end = (at: number): void => {
    const source = text
      .slice(start, at)
      .replace(/^\s*#.*$/gm, "")
      .trim();
    if (source !== "") found.push({ text: source, line: startLine });
    start = at + 1;
  };
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === "\n") line++;
    if (character === '"') quoted = !quoted;
    if (quoted) continue;
    if (character === "{") depth++;
    if (character === "}") depth--;
    if (depth === 0 && (character === "\n" || character === ";")) {
      end(at);
      startLine = line;
    }
  }
  if (depth !== 0 || quoted) throw new NftSyntaxError(line, text.slice(start).trim());
  end(text.length);
  return found;
}
