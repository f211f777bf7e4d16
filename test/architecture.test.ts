import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, test } from "vitest";

const SRC = join(import.meta.dirname, "../src");

/**
 * Which folder of `src` may import which others, which packages, and why no more. The same table is in
 * ARCHITECTURE.md. `import type` counts: a type is a dependency.
 */
const LAYERS: Record<string, { folders: string[]; packages: string[]; reason: string }> = {
  net: { folders: [], packages: [], reason: "numbers of networking; no Romana words" },
  model: { folders: ["net"], packages: [], reason: "the nouns and the errors; pure" },
  addressing: { folders: ["net", "model"], packages: [], reason: "the address plan; pure" },
  ipam: { folders: ["net", "model", "addressing"], packages: [], reason: "which address next; pure" },
  routing: { folders: ["net", "model", "addressing"], packages: [], reason: "who needs which route; pure" },
  fabric: {
    folders: ["net", "model", "addressing", "routing"],
    packages: [],
    reason: "routes and sessions of every device; pure",
  },
  policy: { folders: ["net", "model", "addressing"], packages: [], reason: "who may talk to whom; pure" },
  rules: {
    folders: ["net", "model", "addressing"],
    packages: [],
    reason: "policies compiled to the rule model; pure",
  },
  kubernetes: {
    folders: ["net", "model", "addressing", "policy"],
    packages: [],
    reason: "Kubernetes objects as policies, tenants and segments; pure",
  },
  firewall: {
    folders: ["net", "model", "addressing", "policy", "rules"],
    packages: [],
    reason: "rules as data and text; pure",
  },
  steering: {
    folders: ["net", "model", "addressing"],
    packages: [],
    reason: "where flows go, as data and text; pure",
  },
  dhcp: { folders: ["net", "model"], packages: [], reason: "what dnsmasq is told, as text; pure" },
  metadata: {
    folders: [],
    packages: ["node:http", "node:https", "node:crypto"],
    reason: "Nova's metadata for who has an address",
  },
  schema: {
    folders: ["net", "model", "addressing"],
    packages: ["zod", "yaml"],
    reason: "the single door for JSON and YAML",
  },
  store: {
    folders: ["model"],
    packages: ["node:sqlite", "node:fs", "node:path", "node:crypto"],
    reason: "durable state behind one interface",
  },
  system: {
    folders: ["net", "model"],
    packages: ["koffi", "node:fs", "node:path", "node:child_process", "node:os", "node:v8", "node:vm"],
    reason: "the kernel of this host",
  },
  daemons: {
    folders: ["net", "model", "system"],
    packages: ["node:fs", "node:path"],
    reason: "routing daemons as processes",
  },
  control: {
    folders: ["net", "model", "addressing", "ipam", "policy", "routing", "fabric", "store"],
    packages: ["node:crypto"],
    reason: "romanad's use cases",
  },
  client: {
    folders: ["net", "model", "schema"],
    packages: ["undici"],
    reason: "typed REST client",
  },
  api: {
    folders: ["net", "model", "schema", "control"],
    packages: ["fastify", "zod", "prom-client", "node:fs", "node:path", "node:net", "node:http"],
    reason: "HTTP in front of control",
  },
  agent: {
    folders: [
      "net",
      "model",
      "addressing",
      "policy",
      "routing",
      "fabric",
      "rules",
      "firewall",
      "steering",
      "dhcp",
      "schema",
      "store",
      "system",
      "daemons",
      "client",
    ],
    packages: ["node:http", "node:fs", "node:path", "node:crypto", "node:net", "node:util"],
    reason: "one host's kernel made equal to the desired state",
  },
  cni: {
    folders: ["model"],
    packages: [],
    reason: "the CNI plugin; runs without Node, so it takes nothing but types",
  },
  controller: {
    folders: ["net", "model", "kubernetes", "schema", "client"],
    packages: [
      "@kubernetes/client-node",
      "undici",
      "prom-client",
      "node:http",
      "node:fs",
      "node:crypto",
      "node:util",
    ],
    reason: "romanad made to say what a Kubernetes cluster says",
  },
  lab: {
    folders: ["net", "model", "addressing", "policy", "schema", "system", "client"],
    packages: ["node:child_process", "node:fs", "node:path", "node:os", "node:url"],
    reason: "hosts as network namespaces, with the real programs",
  },
  selftest: {
    folders: ["net", "model", "addressing", "client"],
    packages: ["@kubernetes/client-node", "node:net", "node:stream", "node:fs", "node:os", "node:path"],
    reason: "an installed cluster, tested with pods of its own",
  },
  cli: {
    folders: [
      "net",
      "model",
      "addressing",
      "routing",
      "fabric",
      "policy",
      "firewall",
      "kubernetes",
      "schema",
      "client",
      "lab",
      "selftest",
    ],
    packages: [
      "commander",
      "@bomb.sh/tab",
      "cli-table3",
      "yaml",
      "node:util",
      "node:fs",
      "node:path",
      "node:crypto",
    ],
    reason: "words in, tables out",
  },
};

/** `bin` is wiring and may import anything. */
const UNRESTRICTED = new Set(["bin"]);

const PURE = [
  "net",
  "model",
  "addressing",
  "ipam",
  "routing",
  "fabric",
  "policy",
  "rules",
  "kubernetes",
  "firewall",
  "steering",
  "dhcp",
];

const MAX_LINES = 500;

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Module names that the text imports, re-exports or imports dynamically; strings elsewhere do not count. */
function importsOf(text: string): string[] {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
  const patterns = [
    /^(?:import|export)\b[^"';]*?\bfrom\s+"([^"]+)"/gm,
    /^import\s+"([^"]+)"/gm,
    /\bimport\("([^"]+)"\)/g,
  ];
  return patterns.flatMap((pattern) => [...code.matchAll(pattern)].map((match) => match[1] as string));
}

/** The folders that a folder may import, and those that these may, and so on. */
function below(folder: string): Set<string> {
  const folders = LAYERS[folder]?.folders ?? [];
  return new Set(folders.flatMap((inner) => [inner, ...below(inner)]));
}

/** Why the imports of a file break the table; empty when they do not. */
function faultsOf(file: string, text: string): string[] {
  const path = relative(SRC, file);
  const folder = path.split("/")[0] as string;
  if (UNRESTRICTED.has(folder)) return [];
  const layer = Object.hasOwn(LAYERS, folder) ? LAYERS[folder] : undefined;
  if (layer === undefined) return [`${path}: folder "${folder}" is not in the table of layers`];
  const isTest = /\.(test|case|reference)\.ts$/.test(path);
  return importsOf(text).flatMap((name) => {
    if (name.startsWith(".")) {
      const target = relative(SRC, join(file, "..", name)).split("/")[0] as string;
      if (target === folder || layer.folders.includes(target)) return [];
      // Tests build real things out of what lies below, and read files of the repository.
      if (isTest && (target === ".." || below(folder).has(target))) return [];
      return [`${path} may not import ${target} (${folder}: ${layer.reason})`];
    }
    if (isTest || layer.packages.includes(name)) return [];
    const kind = PURE.includes(folder) ? "is pure but" : "may not";
    return [`${path} ${kind} import ${name} (${folder}: ${layer.reason})`];
  });
}

describe("imports follow the table of layers", () => {
  test.each(sources(SRC).map((file) => [relative(SRC, file), file]))("%s", (_, file) => {
    expect(faultsOf(file, readFileSync(file, "utf8"))).toEqual([]);
  });
});

describe("the rule fires", () => {
  const cases: [string, string, string][] = [
    ["net/bad.ts", 'import {\n  readFileSync,\n} from "node:fs";', "net/bad.ts is pure but import node:fs"],
    ["net/bad.ts", 'import "node:fs";', "net/bad.ts is pure but import node:fs"],
    ["net/bad.ts", 'const fs = await import("node:fs");', "net/bad.ts is pure but import node:fs"],
    ["net/bad.ts", 'import type { Host } from "../model/index.ts";', "net/bad.ts may not import model"],
    ["api/bad.ts", 'import { x } from "../store/index.ts";', "api/bad.ts may not import store"],
    ["api/bad.test.ts", 'import { x } from "../agent/index.ts";', "api/bad.test.ts may not import agent"],
    ["attic/bad.ts", "", 'folder "attic" is not in the table of layers'],
  ];
  test.each(cases)("%s %j", (path, text, message) => {
    expect(faultsOf(join(SRC, path), text).join()).toContain(message);
  });
  test("tests may import what lies below", () => {
    expect(faultsOf(join(SRC, "api/good.test.ts"), 'import { x } from "../store/index.ts";')).toEqual([]);
  });
  test("text that looks like an import is none", () => {
    expect(
      faultsOf(join(SRC, "net/good.ts"), 'const text = `x from "node:fs"`;\n// import "node:fs";'),
    ).toEqual([]);
  });
});

describe("pure code knows no time, chance, process or console", () => {
  const forbidden = /\b(Date\.now|new Date\(\)|Math\.random|process\.|console\.|setTimeout|performance\.)/;
  const files = PURE.flatMap((folder) => sources(join(SRC, folder))).filter(
    (file) => !file.endsWith(".test.ts"),
  );
  test.each(files.map((file) => [relative(SRC, file), file]))("%s", (_, file) => {
    const code = readFileSync(file, "utf8").replace(/\/\*[\s\S]*?\*\//g, "");
    expect(forbidden.exec(code)?.[0]).toBeUndefined();
  });
});

describe(`no file is longer than ${MAX_LINES} lines without a reason`, () => {
  test.each(sources(SRC).map((file) => [relative(SRC, file), file]))("%s", (_, file) => {
    const text = readFileSync(file, "utf8");
    if (text.split("\n").length > MAX_LINES) expect(text).toMatch(/^\/\*\* Long because /);
  });
});

describe("every export says what it is", () => {
  test.each(sources(SRC).map((file) => [relative(SRC, file), file]))("%s", (_, file) => {
    const lines = readFileSync(file, "utf8").split("\n");
    const bare = lines.filter(
      (line, index) =>
        /^export (?:async )?(?:function|class|interface|type|const|abstract)\b/.test(line) &&
        !/\*\/\s*$|^\s*\/\//.test(lines[index - 1] ?? ""),
    );
    expect(bare).toEqual([]);
  });
});
