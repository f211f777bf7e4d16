/** The lines of a stream, each as JSON. @throws SyntaxError for a line that is none; a last one that was cut short is left out. */
export async function* readJsonLines(chunks: AsyncIterable<Uint8Array>): AsyncIterable<unknown> {
  const decoder = new TextDecoder();
  let parts: string[] = [];
  for await (const chunk of chunks) {
    const [first = "", ...others] = decoder.decode(chunk, { stream: true }).split("\n");
    // A long line comes in many chunks; it is put together once.
    parts.push(first);
    for (const next of others) {
      const line = parts.join("");
      parts = [next];
      if (line.trim() !== "") yield JSON.parse(line);
    }
  }
}
