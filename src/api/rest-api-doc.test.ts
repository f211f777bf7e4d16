import { readFileSync, writeFileSync } from "node:fs";
import { STATUS_CODES } from "node:http";
import { join } from "node:path";
import { expect, test } from "vitest";
import { CONTRACT, type RouteContract } from "../schema/index.ts";
import { createTestApp, type Injected, type TestApp } from "./test-app.case.ts";

const PAGE = join(import.meta.dirname, "../../docs/rest-api.md");

/** Headers that examples show. */
const SHOWN_HEADERS = ["etag", "location", "retry-after", "allow"];
const HEADER_NAMES: Readonly<Record<string, string>> = {
  etag: "ETag",
  location: "Location",
  "retry-after": "Retry-After",
  allow: "Allow",
};

/** When everything in the examples happens. */
const NOW = Date.UTC(2026, 0, 1);

/** The requests of the page with its answers removed, so that answers can be put in. */
const REQUEST =
  /^```http\n((?:GET|POST|PUT|PATCH|DELETE) [\s\S]*?)\n```\n(?:\n```http\nHTTP\/1\.1 [\s\S]*?\n```\n)?/gm;

async function answerTo(api: TestApp, request: string): Promise<string> {
  const [head = "", body] = request.split("\n\n");
  const [first = "", ...headers] = head.split("\n");
  const [method, url] = first.split(" ") as ["GET", string];
  const fields = Object.fromEntries(headers.map((line) => line.toLowerCase().split(": ", 2)));
  return render(await api.request(method, url, body, fields));
}

function render({ status, headers, body }: Injected): string {
  const shown = SHOWN_HEADERS.flatMap((name) =>
    headers[name] === undefined ? [] : [`${HEADER_NAMES[name]}: ${headers[name]}`],
  );
  return [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...shown, "", json(body, "")].join("\n");
}

/** JSON with what fits on a line of 120 characters on one line. */
function json(value: unknown, indent: string): string {
  const short = JSON.stringify(value, null, 1)
    .replace(/\n\s*/g, " ")
    .replace(/([[{]) | ([\]}])/g, "$1$2");
  if (typeof value !== "object" || value === null || indent.length + short.length <= 120) return short;
  const inner = `${indent}  `;
  const parts = Array.isArray(value)
    ? value.map((item) => json(item, inner))
    : Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${json(item, inner)}`);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  return `${open}\n${parts.map((part) => inner + part).join(",\n")}\n${indent}${close}`;
}

test("the answers in docs/rest-api.md are the real ones", async () => {
  const page = readFileSync(PAGE, "utf8");
  await using api = await createTestApp({ now: () => NOW });
  let real = "";
  let position = 0;
  for (const match of page.matchAll(REQUEST)) {
    const request = match[1] as string;
    real += page.slice(position, match.index);
    real += `\`\`\`http\n${request}\n\`\`\`\n\n\`\`\`http\n${await answerTo(api, request)}\n\`\`\`\n`;
    position = match.index + match[0].length;
  }
  real += page.slice(position);
  if (process.env["UPDATE_DOCS"] === "1") writeFileSync(PAGE, real);
  else expect(page).toBe(real);
});

test("docs/rest-api.md has every operation", () => {
  const page = readFileSync(PAGE, "utf8");
  const headings = [...page.matchAll(/^### `([A-Z]+ [^`]+)`$/gm)].map((match) => match[1] as string);
  const operations = Object.values<RouteContract>(CONTRACT).map(({ method, path }) => `${method} ${path}`);
  expect(headings.toSorted()).toEqual(operations.toSorted());
});
