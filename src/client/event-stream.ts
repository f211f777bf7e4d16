/** One event of a server-sent event stream. */
export interface ServerSentEvent {
  /** Last ID that the stream gave, on this event or before it. */
  readonly id: string;
  /** `message` when the stream names none. */
  readonly type: string;
  readonly data: string;
}

/**
 * Reads a server-sent event stream (WHATWG HTML, section 9.2). An event without data only moves the ID on and
 * is given with empty data, so that the reader sees progress and life.
 */
export async function* readEvents(chunks: AsyncIterable<Uint8Array>): AsyncIterable<ServerSentEvent> {
  const decoder = new TextDecoder();
  let rest = "";
  let id = "";
  let type = "message";
  let data: string[] = [];
  let seen = false;
  for await (const chunk of chunks) {
    const text = decoder.decode(chunk, { stream: true });
    const isInsideLine = rest !== "" && !rest.endsWith("\r") && !/[\r\n]/.test(text);
    rest += text;
    // A long line comes in many chunks; it is looked at once it is whole.
    if (isInsideLine) continue;
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() as string;
    for (const line of lines) {
      if (line === "") {
        if (seen) yield { id, type, data: data.join("\n") };
        type = "message";
        data = [];
        seen = false;
        continue;
      }
      const colon = line.indexOf(":");
      if (colon === 0) continue;
      const field = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
      if (field === "id") id = value;
      else if (field === "event") type = value;
      else if (field === "data") data.push(value);
      seen = true;
    }
  }
}
