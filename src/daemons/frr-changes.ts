/** A line of a configuration with the lines below it, which are indented. */
interface Block {
  readonly line: string;
  readonly inner: readonly Block[];
}

/** Lines that end a block and stand for nothing. */
const ENDS = /^(exit|exit-address-family|end|!.*|#.*)?$/;
/** Lines of which the daemon keeps one for each key; a new one replaces the old. */
const REPLACED = /^((?:ip|ipv6) prefix-list \S+ seq \d+|hostname|log \S+) /;

/**
 * The commands that make FRR, which runs with one configuration, run with another, so that sessions that are in both go on. Lines below
 * others must be indented, as FRR prints them. What is no longer there is taken back before, and lists after their last use.
 */
export function frrChanges(before: string, after: string): readonly string[] {
  const [old, next] = [parseBlocks(before), parseBlocks(after)];
  const gone = old.filter(({ line }) => !hasLine(next, line) && !isReplaced(next, line));
  const instances = gone.filter(({ line }) => line.startsWith("router "));
  return [
    ...instances.map(({ line }) => takenBack(line)),
    ...next.flatMap((block) =>
      blockChanges(
        old.find(({ line }) => line === block.line),
        block,
      ),
    ),
    ...gone.filter((block) => !instances.includes(block)).map(({ line }) => takenBack(line)),
  ];
}

function blockChanges(old: Block | undefined, next: Block): readonly string[] {
  if (old === undefined) return whole(next);
  const gone = old.inner.filter(({ line }) => !hasLine(next.inner, line)).map(({ line }) => line);
  const peers = new Set(gone.flatMap((line) => /^neighbor (\S+) remote-as /.exec(line)?.[1] ?? []));
  const isOfPeer = (line: string): boolean => peers.has(/^neighbor (\S+) /.exec(line)?.[1] ?? "");
  // A neighbour that is gone takes its lines with it; one that is another now is made anew with all of them.
  const fresh = (block: Block): Block => ({
    line: block.line,
    inner: block.inner.filter(({ line }) => !isOfPeer(line)).map(fresh),
  });
  const kept = fresh(old);
  const inner = [
    ...[...peers].map((peer) => `no neighbor ${peer}`),
    ...gone.filter((line) => !isOfPeer(line)).map(takenBack),
    ...next.inner.flatMap((block) =>
      blockChanges(
        kept.inner.find(({ line }) => line === block.line),
        block,
      ),
    ),
  ];
  return inner.length === 0 ? [] : [next.line, ...inner.map((line) => ` ${line}`), endOf(next.line)];
}

function whole({ line, inner }: Block): readonly string[] {
  if (inner.length === 0) return [line];
  return [line, ...inner.flatMap(whole).map((each) => ` ${each}`), endOf(line)];
}

function endOf(line: string): string {
  return line.startsWith("address-family ") ? "exit-address-family" : "exit";
}

function takenBack(line: string): string {
  return line.startsWith("no ") ? line.slice(3) : `no ${line}`;
}

function hasLine(blocks: readonly Block[], line: string): boolean {
  return blocks.some((block) => block.line === line);
}

function isReplaced(blocks: readonly Block[], line: string): boolean {
  const key = REPLACED.exec(line)?.[0];
  return key !== undefined && blocks.some((block) => block.line.startsWith(key));
}

function parseBlocks(text: string): readonly Block[] {
  const lines = text.split("\n").filter((line) => !ENDS.test(line.trim()));
  const depth = (line: string): number => line.length - line.trimStart().length;
  const take = (from: number, to: number): readonly Block[] => {
    const blocks: Block[] = [];
    for (let at = from; at < to; ) {
      const line = lines[at] as string;
      let end = at + 1;
      while (end < to && depth(lines[end] as string) > depth(line)) end += 1;
      blocks.push({ line: line.trim(), inner: take(at + 1, end) });
      at = end;
    }
    return blocks;
  };
  return take(0, lines.length);
}
