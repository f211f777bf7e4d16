/** A file, directory or symbolic link of an archive. */
export interface TarEntry {
  /** Path without a leading slash. */
  readonly path: string;
  /** Content of a file, or `{ link }`, or nothing for a directory. */
  readonly content?: Uint8Array | { readonly link: string };
  /** Permission bits; default 0755. */
  readonly mode?: number;
}

const BLOCK = 512;
const NAME_BYTES = 100;

/** Offsets of the fields of a header (POSIX.1-1988 ustar). */
const FIELD = {
  mode: 100,
  uid: 108,
  gid: 116,
  size: 124,
  time: 136,
  sum: 148,
  type: 156,
  link: 157,
  magic: 257,
};

/** A tar archive (POSIX ustar) that is the same for the same entries: root's, from 1970. @throws RangeError for long names */
export function encodeTar(entries: readonly TarEntry[]): Buffer {
  return Buffer.concat([...entries.flatMap(encodeEntry), Buffer.alloc(2 * BLOCK)]);
}

function encodeEntry({ path, content, mode = 0o755 }: TarEntry): Buffer[] {
  const isFile = content instanceof Uint8Array;
  const size = isFile ? content.length : 0;
  const header = Buffer.alloc(BLOCK);
  writeName(header, path, 0);
  const octal = (value: number, offset: number, digits: number): void => {
    header.write(`${value.toString(8).padStart(digits, "0")}\0`, offset);
  };
  octal(mode, FIELD.mode, 7);
  octal(0, FIELD.uid, 7);
  octal(0, FIELD.gid, 7);
  octal(size, FIELD.size, 11);
  octal(0, FIELD.time, 11);
  header.write("ustar\x0000", FIELD.magic);
  if (isFile) header.write("0", FIELD.type);
  else if (content === undefined) header.write("5", FIELD.type);
  else {
    header.write("2", FIELD.type);
    writeName(header, content.link, FIELD.link);
  }
  // The sum is made with blanks in its own place.
  header.write(" ".repeat(8), FIELD.sum);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, FIELD.sum);
  return isFile ? [header, Buffer.from(content), Buffer.alloc(-size & (BLOCK - 1))] : [header];
}

function writeName(header: Buffer, name: string, offset: number): void {
  if (Buffer.byteLength(name) > NAME_BYTES) throw new RangeError(`"${name}" is too long for a tar archive`);
  header.write(name, offset);
}
