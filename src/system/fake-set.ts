import { createElementCodec, type ElementCodec } from "./fake-set-elements.ts";
import type { SetElement, SetElementCounter } from "./kernel.ts";

/** An element of a set or map. */
interface FakeElement {
  /** As it was written, for types that the codec does not know. */
  readonly text: string;
  readonly keys: SetElement | undefined;
  /** What a map has behind the colon. */
  readonly value: string | undefined;
  readonly packets: number;
  readonly bytes: number;
}

const COUNTER = /^(.*?) counter(?: packets ([0-9]+) bytes ([0-9]+))?$/;

/** The elements of one set or map, as the kernel keeps them. */
export class FakeSet {
  readonly #lines: readonly string[];
  readonly #links: () => ReadonlyMap<string, number>;
  readonly #elements: Map<string, FakeElement>;

  /**
   * @param lines declarations of the set, such as `type ipv4_addr` and `flags interval`
   * @param links indexes of the host's links by name, for keys that hold them
   */
  constructor(
    lines: readonly string[],
    links: () => ReadonlyMap<string, number>,
    elements: ReadonlyMap<string, FakeElement> = new Map(),
  ) {
    this.#lines = lines;
    this.#links = links;
    this.#elements = new Map(elements);
  }

  clone(): FakeSet {
    return new FakeSet(this.#lines, this.#links, this.#elements);
  }

  clear(): void {
    this.#elements.clear();
  }

  get size(): number {
    return this.#elements.size;
  }

  /** Texts of the elements in normal form, sorted. */
  texts(): readonly string[] {
    const codec = this.#codec();
    const counter = this.#lines.includes("counter") ? " counter" : "";
    return [...this.#elements.values()]
      .map(({ text, keys, value }) => {
        const key = (keys && codec.format(keys)) ?? text;
        return value === undefined ? `${key}${counter}` : `${key}${counter} : ${value}`;
      })
      .toSorted();
  }

  /** Adds elements by their texts; returns the name of the error number when the kernel would refuse one. */
  addTexts(texts: readonly string[]): string | undefined {
    return firstErrno(this.#read(texts), (element) => this.#add(element));
  }

  /** Removes elements by their texts; `ENOENT` when one is not there. */
  removeTexts(texts: readonly string[]): string | undefined {
    return firstErrno(this.#read(texts), (element) =>
      this.#elements.delete(identity(element)) ? undefined : "ENOENT",
    );
  }

  /** Adds elements by their raw keys; returns the first that the kernel would refuse, and why. */
  add(elements: readonly SetElement[]): { readonly element: SetElement; readonly errno: string } | undefined {
    return this.#each(elements, (keys, text) =>
      this.#add({ text, keys, value: undefined, packets: 0, bytes: 0 }),
    );
  }

  /** As {@link add}; one that is not there is fine. */
  remove(
    elements: readonly SetElement[],
  ): { readonly element: SetElement; readonly errno: string } | undefined {
    return this.#each(elements, (keys, text) => {
      this.#elements.delete(identity({ text, keys }));
      return undefined;
    });
  }

  counters(): readonly SetElementCounter[] {
    return [...this.#elements.values()].flatMap(({ keys, packets, bytes }) =>
      keys === undefined ? [] : [{ ...keys, packets, bytes }],
    );
  }

  /** Adds to the counter of an element; false when it is not there. */
  count(keys: SetElement, packets: number, bytes: number): boolean {
    const known = this.#elements.get(identity({ text: "", keys }));
    if (known === undefined) return false;
    const counted = { packets: known.packets + packets, bytes: known.bytes + bytes };
    this.#elements.set(identity(known), { ...known, ...counted });
    return true;
  }

  #codec(): ElementCodec {
    return createElementCodec(this.#type, this.#links(), this.#hasRanges);
  }

  get #type(): string {
    const line = this.#lines.find((text) => text.startsWith("type ")) ?? "type ";
    return (line.slice("type ".length).split(" : ")[0] as string).trim();
  }

  get #hasRanges(): boolean {
    return this.#lines.some((line) => /^flags .*\binterval\b/.test(line));
  }

  #read(texts: readonly string[]): readonly FakeElement[] {
    const codec = this.#codec();
    return texts.map((whole) => {
      const [before = "", ...values] = whole.split(" : ");
      const [, counted = before, packets = 0, bytes = 0] = COUNTER.exec(before) ?? [];
      const value = values.length === 0 ? undefined : values.join(" : ");
      const parsed = codec.parse(counted);
      const keys = parsed && canonical(parsed);
      return { text: counted, keys, value, packets: Number(packets), bytes: Number(bytes) };
    });
  }

  #each(
    elements: readonly SetElement[],
    change: (keys: SetElement, text: string) => string | undefined,
  ): { readonly element: SetElement; readonly errno: string } | undefined {
    const codec = this.#codec();
    for (const element of elements) {
      const text = codec.format(element);
      const keys = canonical(element);
      const isMisfit = text === undefined || (keys.keyEnd !== undefined && !this.#hasRanges);
      const errno = isMisfit ? "EINVAL" : change(keys, text);
      if (errno !== undefined) return { element, errno };
    }
    return undefined;
  }

  #add(element: FakeElement): string | undefined {
    const id = identity(element);
    if (this.#elements.has(id)) return undefined;
    if (this.#hasRanges && element.keys !== undefined && this.#isOverlap(element.keys)) return "EEXIST";
    this.#elements.set(id, element);
    return undefined;
  }

  /** True when the first or the last key lies in another element; in a set of single keys also around one. */
  #isOverlap(keys: SetElement): boolean {
    const codec = this.#codec();
    const isSingle = !this.#type.includes(" . ");
    for (const { keys: other } of this.#elements.values()) {
      if (other === undefined) continue;
      if (codec.holds(other, keys.key) || codec.holds(other, keys.keyEnd ?? keys.key)) return true;
      if (isSingle && codec.holds(keys, other.key)) return true;
    }
    return false;
  }
}

function firstErrno(
  elements: readonly FakeElement[],
  change: (element: FakeElement) => string | undefined,
): string | undefined {
  for (const element of elements) {
    const errno = change(element);
    if (errno !== undefined) return errno;
  }
  return undefined;
}

/** Equal for equal elements. */
function identity({ text, keys }: Pick<FakeElement, "text" | "keys">): string {
  if (keys === undefined) return text;
  const hex = (key: Uint8Array): string => Buffer.from(key).toString("hex");
  return keys.keyEnd === undefined ? hex(keys.key) : `${hex(keys.key)}-${hex(keys.keyEnd)}`;
}

/** Copies, and no end where it is no range. */
function canonical({ key, keyEnd }: SetElement): SetElement {
  const first = Uint8Array.from(key);
  if (keyEnd === undefined || Buffer.compare(key, keyEnd) === 0) return { key: first };
  return { key: first, keyEnd: Uint8Array.from(keyEnd) };
}
