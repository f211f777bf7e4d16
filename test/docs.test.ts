import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { describe, expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "..");

function pages(): string[] {
  const top = readdirSync(ROOT).filter((name) => name.endsWith(".md"));
  const docs = readdirSync(join(ROOT, "docs"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => join("docs", name));
  return [...top, ...docs];
}

function read(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

/** The anchor that a Markdown renderer gives a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[`*]/g, "")
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replace(/\s/g, "-");
}

function anchors(text: string): Set<string> {
  return new Set([...text.matchAll(/^#{1,6}\s+(.+)$/gm)].map((match) => anchorOf(match[1] as string)));
}

/** Links of a page that lead nowhere: a missing file or a missing heading. */
function brokenLinks(page: string, text: string): string[] {
  const prose = text.replace(/^```[\s\S]*?^```/gm, "").replace(/`[^`]*`/g, "");
  const links = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] as string);
  return links.filter((link) => {
    if (/^(https?|mailto):/.test(link)) return false;
    const [path = "", anchor] = link.split("#");
    const target = path === "" ? page : relative(ROOT, join(ROOT, dirname(page), path));
    if (!existsSync(join(ROOT, target))) return true;
    return anchor !== undefined && target.endsWith(".md") && !anchors(read(target)).has(anchor);
  });
}

/** Lines of fenced `sh` blocks, with continuation lines joined and comments removed. */
function commands(text: string): string[] {
  const blocks = [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map((match) => match[1] as string);
  return blocks.flatMap((block) =>
    block
      .replace(/\\\n\s*/g, " ")
      .split("\n")
      .map((line) =>
        line
          .replace(/^\$ /, "")
          .replace(/\s+#.*$/, "")
          .trim(),
      )
      .filter((line) => line !== "" && !line.startsWith("#")),
  );
}

/** Commands of a page that name an npm script or a file of ours that is not there. */
function unknownCommands(text: string): string[] {
  const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
  return commands(text).filter((line) => {
    const script = /^npm run ([\w:-]+)/.exec(line)?.[1];
    if (script !== undefined) return !Object.hasOwn(scripts, script);
    const file = /(?:^|\s)((?:examples|bench|scripts|docs|deploy)\/[\w./-]+\.\w+)/.exec(line)?.[1];
    return file !== undefined && !existsSync(join(ROOT, file));
  });
}

describe.each(pages())("%s", (page) => {
  test("links lead somewhere", () => {
    expect(brokenLinks(page, read(page))).toEqual([]);
  });
  test("commands name scripts and files that exist", () => {
    expect(unknownCommands(read(page))).toEqual([]);
  });
});

describe.each(pages().filter((page) => dirname(page) === "docs"))("%s", (page) => {
  test("ends with what is not supported, and why", () => {
    const last = [...read(page).matchAll(/^## (.+)$/gm)].at(-1)?.[1];
    expect(last).toBe("Not supported, and why");
  });
});

describe.each(pages().filter((page) => dirname(page) === "docs/adr"))("%s", (page) => {
  test("says context, decision, consequences and alternatives", () => {
    for (const part of ["Context", "Decision", "Consequences", "Alternatives"]) {
      expect(read(page)).toMatch(new RegExp(`^(\\*\\*${part}\\.?\\*\\*|## ${part})`, "m"));
    }
  });
});

test("every decision has a number of its own", () => {
  const numbers = readdirSync(join(ROOT, "docs/adr")).map((name) => name.slice(0, 4));
  expect(numbers).toEqual([...new Set(numbers)]);
});

test("the table of layers in ARCHITECTURE.md is the one that is enforced", () => {
  const enforced = [...read("test/architecture.test.ts").matchAll(/^ {2}(\w+): \{/gm)].map(
    (match) => match[1],
  );
  const written = [...read("ARCHITECTURE.md").matchAll(/^\| `(\w+)` \|/gm)].map((match) => match[1]);
  expect(written.filter((folder) => folder !== "bin")).toEqual(enforced);
});

describe("the checks fire", () => {
  test("a missing file, a missing heading and an unknown script are found", () => {
    expect(brokenLinks("README.md", "[a](nowhere.md) [b](CONTRIBUTING.md#nowhere)")).toEqual([
      "nowhere.md",
      "CONTRIBUTING.md#nowhere",
    ]);
    expect(unknownCommands("```sh\nnpm run nothing\nnode bench/nothing.ts\n```\n")).toEqual([
      "npm run nothing",
      "node bench/nothing.ts",
    ]);
  });
});
