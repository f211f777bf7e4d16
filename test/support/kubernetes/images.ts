import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "../../../src/system/command.ts";
import { encodeTar, type TarEntry } from "./tar.ts";

/** Image of the pod sandboxes of the cluster. */
export const PAUSE_IMAGE = "docker.io/romana-test/pause:1";

/** Image with a shell, `wget`, `httpd`, `nc` and the like. */
export const BUSYBOX_IMAGE = "docker.io/romana-test/busybox:1";

/** Debian's busybox without libraries. */
const BUSYBOX = "/bin/busybox";

/** An image of one layer. */
export interface ImageSpec {
  /** Full name with a tag. */
  readonly name: string;
  readonly files: readonly TarEntry[];
  readonly command: readonly string[];
  readonly env?: readonly string[];
}

/** An image as `docker save` writes it, which containerd imports. */
export function encodeImage({ name, files, command, env = ["PATH=/bin"] }: ImageSpec): Buffer {
  const layer = encodeTar(files);
  const digest = createHash("sha256").update(layer).digest("hex");
  const config = {
    architecture: process.arch === "x64" ? "amd64" : process.arch,
    os: "linux",
    config: { Env: env, Cmd: command },
    rootfs: { type: "layers", diff_ids: [`sha256:${digest}`] },
    history: [{ created_by: "romana" }],
  };
  const manifest = [{ Config: "config.json", RepoTags: [name], Layers: ["layer.tar"] }];
  return encodeTar([
    { path: "manifest.json", content: Buffer.from(JSON.stringify(manifest)) },
    { path: "config.json", content: Buffer.from(JSON.stringify(config)) },
    { path: "layer.tar", content: layer },
  ]);
}

/** Writes the images that every cluster has. @returns paths of the archives */
export async function writeBaseImages(directory: string): Promise<readonly string[]> {
  const applets = (await runCommand({ argv: [BUSYBOX, "--list"] })).trim().split("\n");
  const files: TarEntry[] = [
    ...["bin", "etc", "tmp", "proc", "sys", "dev", "run", "www"].map((path) => ({ path })),
    { path: "bin/busybox", content: readFileSync(BUSYBOX) },
    ...applets
      .filter((name) => name !== "busybox")
      .map((name) => ({ path: `bin/${name}`, content: { link: "busybox" } })),
    { path: "etc/passwd", content: Buffer.from("root:x:0:0:root:/:/bin/sh\n"), mode: 0o644 },
    { path: "etc/group", content: Buffer.from("root:x:0:\n"), mode: 0o644 },
  ];
  const forever = ["/bin/sleep", "2147483647"];
  const images = { pause: PAUSE_IMAGE, busybox: BUSYBOX_IMAGE };
  return Object.entries(images).map(([file, name]) => {
    const path = join(directory, `${file}.tar`);
    writeFileSync(path, encodeImage({ name, files, command: forever }));
    return path;
  });
}
