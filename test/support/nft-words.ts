/** A word of nft text with its line, from 1. The end of a line is a word of its own. */
export interface NftWord {
  readonly text: string;
  readonly line: number;
}

const END_OF_LINE = "\n";
const WORD = /"[^"\n]*"|[{};,\n]|[^\s{};,"]+|[^\S\n]+|./gy;
const NAME = /^[A-Za-z][A-Za-z0-9_-]*$/;
const DIGITS = /^(?:0|[1-9][0-9]*)$/;

/** Reads nft text word by word; whatever is not what was asked for is an error with its line. */
export class NftWords {
  readonly #words: readonly NftWord[];
  #position = 0;

  constructor(text: string) {
    const words: NftWord[] = [];
    let line = 1;
    for (const [word] of text.matchAll(WORD)) {
      if (word.trim() !== "" || word === END_OF_LINE) words.push({ text: word, line });
      if (word === END_OF_LINE) line += 1;
    }
    this.#words = words;
  }

  /** The next word, without taking it; empty at the end of the text. */
  peek(offset = 0): string {
    return this.#words[this.#position + offset]?.text ?? "";
  }

  /** Takes the next word. */
  take(): string {
    const word = this.peek();
    if (word === "") throw this.fault("the text ends too early");
    this.#position += 1;
    return word;
  }

  /** Takes these words, or none of them. */
  takeIf(...texts: readonly string[]): boolean {
    const isThere = texts.every((text, index) => this.peek(index) === text);
    if (isThere) this.#position += texts.length;
    return isThere;
  }

  /** Takes exactly these words. */
  expect(...texts: readonly string[]): void {
    for (const text of texts) {
      if (!this.takeIf(text)) throw this.fault(`expected ${JSON.stringify(text)}`);
    }
  }

  /** Takes the end of this line and the empty lines behind it. */
  endLine(): void {
    this.expect(END_OF_LINE);
    this.skipLines();
  }

  skipLines(): void {
    while (this.takeIf(END_OF_LINE));
  }

  /** A name of a table, chain, set or counter; nft quotes those of counters. */
  name(): string {
    const word = this.peek().startsWith('"') ? this.quoted() : this.take();
    if (!NAME.test(word)) throw this.fault(`"${word}" is no name`, -1);
    return word;
  }

  quoted(): string {
    const word = this.take();
    if (!/^".*"$/.test(word)) throw this.fault(`expected text in quotes, got ${JSON.stringify(word)}`, -1);
    return word.slice(1, -1);
  }

  /** A whole number of decimal digits. */
  number(): number {
    const word = this.take();
    if (!DIGITS.test(word)) throw this.fault(`expected a number, got ${JSON.stringify(word)}`, -1);
    return Number(word);
  }

  /** An error about the next word, or one that is this far away. */
  fault(reason: string, offset = 0): Error {
    const at = this.#words[Math.min(this.#position + offset, this.#words.length - 1)];
    return new Error(
      `Cannot read nft text, line ${at?.line ?? 1}: ${reason}, at ${JSON.stringify(at?.text)}`,
    );
  }
}
