import { describe, expect, test } from "vitest";
import { readEvents } from "./event-stream.ts";

async function* chunksOf(...texts: string[]): AsyncIterable<Uint8Array> {
  for (const text of texts) yield Buffer.from(text, "latin1");
}

describe("readEvents()", () => {
  const cases: [string, string[], [string, string, string][]][] = [
    ["an event", ["id: 7\nevent: change\ndata: {}\n\n"], [["7", "change", "{}"]]],
    ["several lines of data", ["data: a\ndata: b\n\n"], [["", "message", "a\nb"]]],
    ["no space after the colon, and a field without one", ["data:a\ndata\n\n"], [["", "message", "a\n"]]],
    [
      "an ID that stays",
      ["id: 1\ndata: a\n\ndata: b\n\n"],
      [
        ["1", "message", "a"],
        ["1", "message", "b"],
      ],
    ],
    ["an ID without data", ["id: 3\n\n"], [["3", "message", ""]]],
    ["comments", [": hello\n\n:\n\n"], []],
    ["an event that was not finished", ["data: a\n"], []],
    [
      "every kind of line end",
      ["data: a\r\n\r\ndata: b\r\rdata: c\n\n"],
      [
        ["", "message", "a"],
        ["", "message", "b"],
        ["", "message", "c"],
      ],
    ],
    [
      "line ends cut in two",
      ["data: a\r", "\n\r", "\ndata: b\r", "\r\n"],
      [
        ["", "message", "a"],
        ["", "message", "b"],
      ],
    ],
    ["a line cut in three", ["data: a", "b", "c\n\n"], [["", "message", "abc"]]],
    ["characters cut in two", ["data: \xc3", "\xbc\n", "\n"], [["", "message", "ü"]]],
    ["unknown fields", ["retry: 100\ndata: a\n\n"], [["", "message", "a"]]],
  ];
  test.each(cases)("reads %s", async (_, chunks, expected) => {
    const events: [string, string, string][] = [];
    for await (const { id, type, data } of readEvents(chunksOf(...chunks))) events.push([id, type, data]);
    expect(events).toEqual(expected);
  });
});
