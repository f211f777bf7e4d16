import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { type Layer, packLayer, writeImage } from "../scripts/image-archive.ts";

let cache: string;

beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), "romana-layers-"));
  onTestFinished(() => rmSync(cache, { recursive: true }));
});

/** A layer with files that are made in another order, at another time and under another umask. */
function layer(key: string, names: readonly string[], time: number, mode: number): Layer {
  return packLayer({
    cache,
    name: "test",
    key,
    fill: (directory) => {
      mkdirSync(join(directory, "bin"));
      for (const name of names) {
        const path = join(directory, "bin", name);
        writeFileSync(path, `program ${name}`);
        chmodSync(path, mode);
        utimesSync(path, time, time);
      }
      symlinkSync("a", join(directory, "bin/link"));
    },
  });
}

test("equal files make equal bytes, whoever made them, when and in which order", () => {
  const first = layer("1", ["a", "b"], 1_000, 0o755);
  const second = layer("2", ["b", "a"], 2_000, 0o4700);
  expect(second.file).not.toBe(first.file);
  expect(second.digest).toBe(first.digest);
  expect(layer("3", ["a", "c"], 1_000, 0o755).digest).not.toBe(first.digest);
});

test("a layer of the same key is made once", () => {
  const first = layer("1", ["a"], 1_000, 0o755);
  expect(layer("1", ["other"], 1_000, 0o755)).toEqual(first);
});

test("an image is a docker archive whose digests are those of its layers", () => {
  const file = join(cache, "image.tar");
  const layers = [layer("1", ["a"], 1, 0o755), layer("2", ["b"], 1, 0o755)];
  const { id, bytes } = writeImage(file, { name: "romana:1", version: "1", layers, command: ["romana"] });
  expect(bytes).toBe(readFileSync(file).length);
  const read = (name: string): Buffer => spawnSync("tar", ["-xOf", file, name]).stdout;
  const [manifest] = JSON.parse(read("manifest.json").toString());
  expect(manifest.RepoTags).toEqual(["romana:1"]);
  const config = read(manifest.Config);
  const sha256 = (data: Buffer): string => `sha256:${createHash("sha256").update(data).digest("hex")}`;
  expect(sha256(config)).toBe(id);
  const { rootfs } = JSON.parse(config.toString());
  expect(manifest.Layers.map((name: string) => sha256(read(name)))).toEqual(rootfs.diff_ids);
  expect(rootfs.diff_ids).toHaveLength(2);
});
