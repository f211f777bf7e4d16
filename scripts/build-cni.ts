import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { buildSync } from "esbuild";

const ROOT = join(import.meta.dirname, "..");
const NATIVE = join(ROOT, "src/cni/native");
const ENGINE_VERSION = "2021-03-27";
const ENGINE = join(
  dirname(createRequire(import.meta.url).resolve("qjsc/package.json")),
  "deps/quickjs_2021_03_27",
);
/** What of QuickJS is wanted: neither its library nor its big numbers. */
const ENGINE_SOURCES = ["quickjs", "libregexp", "libunicode", "cutils"];
const CC = process.env["CC"] ?? "gcc";
const FLAGS = ["-O2", "-fwrapv", "-funsigned-char", "-D_GNU_SOURCE", `-I${ENGINE}`];
const LIBRARIES = ["-lm", "-lpthread"];

/**
 * Builds the native `romana-cni`: TypeScript to one script, the script to QuickJS bytecode, that and `main.c` to a static
 * executable. Takes half a minute for the first time and nothing when all is as it was. Returns the path of the cached one.
 */
export function buildCni(): string {
  const cache = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "romana");
  const compiler = execFileSync(CC, ["--version"], { encoding: "utf8" });
  const engineHash = hashOf([compiler, ...FLAGS.slice(0, -1), ...readAll(ENGINE, /\.[ch]$/)]);
  const script = bundle();
  const hash = hashOf([engineHash, script, ...readAll(NATIVE, /\.c$/)]);
  const executable = join(cache, `cni-${hash}`, "romana-cni");
  if (existsSync(executable)) return executable;
  const objects = once(join(cache, `quickjs-${engineHash}`), (directory) => {
    for (const name of ENGINE_SOURCES) {
      compile(["-c", join(ENGINE, `${name}.c`), "-o", join(directory, `${name}.o`)]);
    }
  });
  once(dirname(executable), (directory) => {
    const engine = ENGINE_SOURCES.map((name) => join(objects, `${name}.o`));
    const main = join(NATIVE, "main.c");
    const compilerPath = join(directory, "compiler");
    compile(["-DCOMPILER", main, ...engine, ...LIBRARIES, "-o", compilerPath]);
    const program = execFileSync(compilerPath, { input: script, maxBuffer: 2 ** 26 });
    rmSync(compilerPath);
    writeFileSync(join(directory, "program.h"), program);
    compile([
      `-I${directory}`,
      main,
      ...engine,
      "-static",
      "-s",
      ...LIBRARIES,
      "-o",
      join(directory, "romana-cni"),
    ]);
  });
  return executable;
}

/** The plugin as one script of the ECMAScript that QuickJS knows. */
function bundle(): string {
  const { outputFiles } = buildSync({
    entryPoints: [join(NATIVE, "entry.ts")],
    bundle: true,
    format: "iife",
    target: "es2020",
    minify: true,
    write: false,
  });
  return outputFiles[0]?.text ?? "";
}

function compile(args: readonly string[]): void {
  const version = `-DCONFIG_VERSION="${ENGINE_VERSION}"`;
  execFileSync(CC, [...FLAGS, version, ...args], { stdio: ["ignore", "inherit", "inherit"] });
}

/** Makes a directory whole or not at all; builds that run side by side do not get in each other's way. */
function once(directory: string, make: (directory: string) => void): string {
  if (existsSync(directory)) return directory;
  mkdirSync(dirname(directory), { recursive: true });
  const draft = mkdtempSync(`${directory}-`);
  try {
    make(draft);
    if (!existsSync(directory)) renameSync(draft, directory);
  } catch (error) {
    // Somebody else was faster.
    if (!existsSync(directory)) throw error;
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return directory;
}

function readAll(directory: string, pattern: RegExp): readonly string[] {
  const names = readdirSync(directory).filter((name) => pattern.test(name));
  return names.sort().map((name) => readFileSync(join(directory, name), "utf8"));
}

function hashOf(texts: readonly string[]): string {
  const hash = createHash("sha256");
  for (const text of texts) hash.update(`${text.length} ${text}`);
  return hash.digest("hex").slice(0, 16);
}

if (import.meta.main) {
  const out = resolve(process.argv[2] ?? join(ROOT, "build/romana-cni"));
  const built = buildCni();
  mkdirSync(dirname(out), { recursive: true });
  // A plugin that runs cannot be written to, but another can take its name.
  copyFileSync(built, `${out}.new`);
  renameSync(`${out}.new`, out);
  console.log(relative(process.cwd(), out));
}
