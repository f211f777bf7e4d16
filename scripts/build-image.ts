import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import manifest from "../package.json" with { type: "json" };
import { buildCni } from "./build-cni.ts";
import { type Layer, packLayer, writeImage } from "./image-archive.ts";

const ROOT = resolve(import.meta.dirname, "..");
const CACHE = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "romana", "image");
const HOME = "opt/romana";

/** Milliseconds after which a layer that nobody has used goes. */
const LAYER_LIFE = 86_400_000;

/** What the programs need of Debian: a shell and its tools, `mount`, libnftables, iptables and ipset. */
const DEBIAN_PACKAGES = [
  "libc6",
  "libgcc-s1",
  "libstdc++6",
  "dash",
  "coreutils",
  "mount",
  "libnftables1",
  "iptables",
  "ipset",
];

/** What nobody reads in a container; copyright notices stay. */
const UNREAD = [
  "usr/share/man",
  "usr/share/locale",
  "usr/share/info",
  "usr/share/lintian",
  "usr/share/bash-completion",
  "var",
];

/** Commands of the image and what they are. */
const COMMANDS: Readonly<Record<string, string>> = {
  node: "node_modules/.bin/node",
  romana: "bin/romana.mjs",
  romanad: "bin/romanad.mjs",
  "romana-agent": "bin/romana-agent.mjs",
  "romana-kubernetes": "bin/romana-kubernetes.mjs",
  "romana-install-cni": "deploy/image/install-cni.mjs",
  "romana-agent-ready": "deploy/image/agent-ready",
  "romana-agent-alive": "deploy/image/agent-alive",
};

/** Repository of the image in the manifests of `deploy/kubernetes`; the tag is the version. */
const REPOSITORY = "docker.io/library/romana";

const USAGE = `Usage: node scripts/build-image.ts [FILE] [--name NAME] [--release VERSION]
Builds the container image of Romana out of Debian's and npm's packages, as a docker archive.
  FILE               default build/romana-image.tar
  --name NAME        default ${REPOSITORY}:VERSION
  --release VERSION  what its programs say they are; default ${manifest.version}`;

/** What an image may be called. */
export interface ImageWords {
  /** What its programs say they are; default: the version of this package. */
  readonly release?: string | undefined;
  /** Repository and tag; default: the repository of the manifests, with the release as tag. */
  readonly name?: string | undefined;
}

/**
 * Builds the image for machines like this one. Needs apt's lists of packages, npm and what the CNI executable needs; no
 * container program, and no other network than that of the packages. Layers are kept in the cache of this user: equal
 * packages and sources make equal bytes.
 */
export function buildImage(file: string, words: ImageWords = {}): void {
  const { release = manifest.version, name = `${REPOSITORY}:${release}` } = words;
  mkdirSync(CACHE, { recursive: true });
  mkdirSync(dirname(file), { recursive: true });
  const layers = [debianLayer(), modulesLayer(), programsLayer(release)];
  const command = ["romana", "--help"];
  const { bytes, id } = writeImage(file, { name, version: release, layers, command });
  removeOldLayers();
  say(`${file}: ${name}, ${id.slice(0, 19)}, ${(bytes / 1e6).toFixed(1)} MB`);
}

/** Removes layers of earlier builds; not those of the last day, since another build may be about to use them. */
function removeOldLayers(): void {
  const files = readdirSync(CACHE).filter((name) => name.endsWith(".tar"));
  for (const file of files.map((name) => join(CACHE, name))) {
    const { mtimeMs } = statSync(file, { throwIfNoEntry: false }) ?? { mtimeMs: Date.now() };
    if (Date.now() - mtimeMs > LAYER_LIFE) rmSync(file, { force: true });
  }
}

/** Debian's packages with all that they depend on, without running any of their scripts. */
function debianLayer(): Layer {
  const apt = join(CACHE, "apt");
  for (const folder of ["archives", "none"]) mkdirSync(join(apt, folder, "partial"), { recursive: true });
  // As if nothing were installed, so that apt names every package.
  writeFileSync(join(apt, "status"), "");
  const install = (archives: string, word: string): string => {
    const options = [
      `Dir::State::status=${join(apt, "status")}`,
      `Dir::Cache::archives=${join(apt, archives)}`,
      "APT::Install-Recommends=false",
      "Debug::NoLocking=true",
    ].flatMap((option) => ["-o", option]);
    return run(["apt-get", "-q", "--yes", ...options, word, "install", ...DEBIAN_PACKAGES]);
  };
  // apt names only what it has not downloaded.
  const lines = install("none", "--print-uris").split("\n");
  const packages = lines.flatMap((line) => /^'[^']+' (\S+\.deb \d+ .*)$/.exec(line)?.[1] ?? []);
  if (packages.length < DEBIAN_PACKAGES.length)
    throw new Error(`apt-get names ${packages.length} packages only`);
  return packLayer({
    cache: CACHE,
    name: "debian",
    key: [...packages].sort().join("\n"),
    fill: (directory) => {
      say(`${packages.length} packages of Debian`);
      install("archives", "--download-only");
      // Packages of before the merge of / and /usr go through these links.
      for (const folder of ["bin", "sbin", "lib", "lib64"]) {
        mkdirSync(join(directory, "usr", folder), { recursive: true });
        symlinkSync(`usr/${folder}`, join(directory, folder));
      }
      for (const line of packages) {
        const archive = join(apt, "archives", line.split(" ")[0] as string);
        run([
          "sh",
          "-c",
          'dpkg-deb --fsys-tarfile "$1" | tar -x --keep-directory-symlink -C "$2"',
          "sh",
          archive,
          directory,
        ]);
      }
      for (const path of UNREAD) rmSync(join(directory, path), { recursive: true, force: true });
      finishDebian(directory);
    },
  });
}

/** What scripts of the packages would have done. */
function finishDebian(directory: string): void {
  for (const family of ["iptables", "ip6tables"]) {
    for (const suffix of ["", "-save", "-restore"]) {
      symlinkSync(`${family}-nft${suffix}`, join(directory, "usr/sbin", `${family}${suffix}`));
    }
  }
  mkdirSync(join(directory, "etc"), { recursive: true });
  writeFileSync(
    join(directory, "etc/passwd"),
    "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
  );
  writeFileSync(join(directory, "etc/group"), "root:x:0:\nnogroup:x:65534:\n");
  for (const folder of ["dev", "proc", "sys", "tmp", "run", "root", "var/lib"])
    mkdirSync(join(directory, folder), { recursive: true });
  symlinkSync("/run", join(directory, "var/run"));
}

/** npm's packages as the lock file has them, without what only people and compilers read. */
function modulesLayer(): Layer {
  const lock = readFileSync(join(ROOT, "package-lock.json"), "utf8");
  return packLayer({
    cache: CACHE,
    name: "modules",
    key: lock,
    fill: (directory) => {
      say("packages of npm");
      const home = join(directory, HOME);
      mkdirSync(home, { recursive: true });
      for (const file of ["package.json", "package-lock.json"]) cpSync(join(ROOT, file), join(home, file));
      run([
        "npm",
        "ci",
        "--omit=dev",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
        "--prefix",
        home,
      ]);
      for (const file of ["package.json", "package-lock.json"]) rmSync(join(home, file));
      const modules = join(home, "node_modules");
      for (const entry of readdirSync(modules, { recursive: true, withFileTypes: true })) {
        if (entry.isFile() && /\.(md|markdown|map|d\.[cm]?ts)$/i.test(entry.name))
          rmSync(join(entry.parentPath, entry.name));
      }
      for (const node of readdirSync(modules).filter((name) => name.startsWith("node-linux-"))) {
        for (const folder of ["include", "share"])
          rmSync(join(modules, node, folder), { recursive: true, force: true });
      }
    },
  });
}

/** The programs, and the CNI executable for nodes. */
function programsLayer(version: string): Layer {
  const build = join(CACHE, "programs");
  rmSync(build, { recursive: true, force: true });
  const home = join(build, HOME);
  mkdirSync(join(home, "cni"), { recursive: true });
  writeFileSync(join(home, "package.json"), `${JSON.stringify({ ...manifest, version }, undefined, 2)}\n`);
  for (const path of ["LICENSE", "bin", "src", "deploy/image"]) {
    cpSync(join(ROOT, path), join(home, path), { recursive: true, filter: isOfPrograms });
  }
  copyFileSync(buildCni(), join(home, "cni/romana-cni"));
  chmodSync(join(home, "cni/romana-cni"), 0o755);
  mkdirSync(join(build, "usr/bin"), { recursive: true });
  for (const [command, path] of Object.entries(COMMANDS))
    symlinkSync(`/${HOME}/${path}`, join(build, "usr/bin", command));
  const key = digestOf(build);
  const layer = packLayer({
    cache: CACHE,
    name: "programs",
    key,
    fill: (directory) => cpSync(build, directory, { recursive: true, verbatimSymlinks: true }),
  });
  rmSync(build, { recursive: true });
  return layer;
}

function isOfPrograms(path: string): boolean {
  return (
    !/\.(test|case|reference)\.ts$/.test(path) &&
    basename(path) !== "testdata" &&
    basename(path) !== "Containerfile"
  );
}

function digestOf(directory: string): string {
  const hash = createHash("sha256");
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  const paths = entries.map((entry) => join(entry.parentPath, entry.name)).sort();
  for (const path of paths) hash.update(`${path}\0`).update(readFileSync(path)).update("\0");
  return hash.update(JSON.stringify(COMMANDS)).digest("hex");
}

function run([program, ...words]: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program as string, words, {
    encoding: "utf8",
    maxBuffer: 2 ** 26,
  });
  if (status === 0) return stdout;
  throw new Error(`${[program, ...words].join(" ")}: ${error?.message ?? stderr.trim()}`);
}

function say(line: string): void {
  process.stderr.write(`image: ${line}\n`);
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    options: { name: { type: "string" }, release: { type: "string" }, help: { type: "boolean" } },
    allowPositionals: true,
  });
  if (values.help === true || positionals.length > 1) {
    process.stderr.write(`${USAGE}\n`);
    process.exitCode = values.help === true ? 0 : 2;
  } else {
    buildImage(resolve(positionals[0] ?? join(ROOT, "build/romana-image.tar")), values);
  }
}
