import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

/** A layer of an image: a tar of files. */
export interface Layer {
  readonly file: string;
  /** SHA-256 of the tar, in hexadecimal. */
  readonly digest: string;
}

/** An image to be written. */
export interface Image {
  /** Repository and tag. */
  readonly name: string;
  readonly version: string;
  /** The lowest one first. */
  readonly layers: readonly Layer[];
  readonly command: readonly string[];
}

/** Every file is as old as this, so that equal content makes equal bytes: 2026-01-01 in seconds since 1970. */
const MTIME = 1_767_225_600;

/** Of an image for the machine that builds it, in the words of the OCI image specification. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

/**
 * The layer of what `fill` puts into an empty directory, or the one of an earlier time with the same `key`. Owners,
 * times, order and special bits do not depend on who builds it, when and where.
 */
export function packLayer(options: {
  readonly cache: string;
  readonly name: string;
  readonly key: string;
  readonly fill: (directory: string) => void;
}): Layer {
  const key = createHash("sha256").update(`${process.arch}\0${options.key}`).digest("hex").slice(0, 16);
  const file = join(options.cache, `${options.name}-${key}.tar`);
  if (!existsSync(file)) {
    const directory = mkdtempSync(join(options.cache, `.${options.name}-`));
    try {
      const root = join(directory, "root");
      mkdirSync(root);
      options.fill(root);
      tar(join(directory, "layer.tar"), root, ["."]);
      renameSync(join(directory, "layer.tar"), file);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }
  // A layer that is used is young, whenever it was made.
  utimesSync(file, new Date(), new Date());
  return { file, digest: digestOf(file) };
}

/**
 * Writes a docker archive, which `ctr images import`, `docker load`, `podman load` and `skopeo copy docker-archive:` read.
 * @returns its size, and the image's ID.
 */
export function writeImage(
  file: string,
  { name, version, layers, command }: Image,
): { readonly bytes: number; readonly id: string } {
  const config = JSON.stringify({
    architecture: ARCHITECTURES[process.arch] ?? process.arch,
    os: "linux",
    created: new Date(MTIME * 1000).toISOString(),
    config: {
      Cmd: command,
      Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
      WorkingDir: "/",
      Labels: { "org.opencontainers.image.title": "romana", "org.opencontainers.image.version": version },
    },
    rootfs: { type: "layers", diff_ids: layers.map(({ digest }) => `sha256:${digest}`) },
    history: layers.map(() => ({ created: new Date(MTIME * 1000).toISOString(), created_by: "build-image" })),
  });
  const id = createHash("sha256").update(config).digest("hex");
  const names = layers.map(({ digest }) => `${digest}.tar`);
  const directory = mkdtempSync(`${file}.`);
  try {
    writeFileSync(join(directory, `${id}.json`), config);
    for (const [index, layer] of layers.entries())
      symlinkSync(layer.file, join(directory, names[index] as string));
    const manifest = [{ Config: `${id}.json`, RepoTags: [name], Layers: names }];
    writeFileSync(join(directory, "manifest.json"), JSON.stringify(manifest));
    tar(`${file}.new`, directory, ["--dereference", "manifest.json", `${id}.json`, ...names]);
    renameSync(`${file}.new`, file);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  return { bytes: statSync(file).size, id: `sha256:${id}` };
}

function tar(file: string, directory: string, words: readonly string[]): void {
  const options = [
    "--sort=name",
    `--mtime=@${MTIME}`,
    "--owner=0",
    "--group=0",
    "--numeric-owner",
    "--format=gnu",
  ];
  const modes = "--mode=a+rX,u+w,go-w,a-s";
  const { status, stderr } = spawnSync("tar", ["-C", directory, ...options, modes, "-cf", file, ...words], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`tar: ${stderr.trim()}`);
}

function digestOf(file: string): string {
  const hash = createHash("sha256");
  const buffer = Buffer.alloc(1 << 20);
  const fd = openSync(file, "r");
  try {
    for (let read = readSync(fd, buffer); read > 0; read = readSync(fd, buffer))
      hash.update(buffer.subarray(0, read));
  } finally {
    closeSync(fd);
  }
  return hash.digest("hex");
}
