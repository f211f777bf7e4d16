import { CELL, type TranslationProblem } from "../kubernetes/index.ts";
import type { Result } from "./command.ts";
import { type Column, renderTable, type Screen, type Tone } from "./format.ts";

const TONES: Readonly<Record<string, Tone>> = {
  [CELL.allowed]: "good",
  [CELL.denied]: "bad",
  [CELL.self]: "faint",
};

/** Who reaches whom by one kind of traffic: all senders × all destinations, row by row. */
export interface TitledMatrix {
  readonly title: string;
  readonly ingress: string;
  readonly egress: string;
  readonly combined: string;
}

/** Who reaches whom in a cluster, by all kinds of traffic that were asked about. */
export interface ClusterMatrix {
  /** Pods as `namespace/name`, or segments as `tenant/name`: the rows from the first to the last, and the columns. */
  readonly order: readonly string[];
  readonly matrices: readonly TitledMatrix[];
  readonly problems: readonly TranslationProblem[];
}

/** The result of `policy matrix`: a grid for each probe, with a row for each sender. */
export function matrixResult({ order, matrices, problems }: ClusterMatrix): Result {
  const expected = matrices.map(({ title, ingress, egress, combined }) => [
    title,
    [ingress, egress, combined],
  ]);
  return {
    data: { order, expected: Object.fromEntries(expected), ...(problems.length > 0 && { problems }) },
    text: (screen) =>
      [
        ...matrices.map(
          (matrix) => `${screen.paint("strong", matrix.title)}\n${gridOf(matrix, order, screen)}`,
        ),
        ...(problems.length > 0 ? [problemLines(problems, screen)] : []),
        screen.paint(
          "faint",
          legend(
            screen,
            matrices.some(({ combined }) => combined.includes(CELL.self)),
          ),
        ),
      ].join("\n\n"),
  };
}

function legend({ wide }: Screen, hasSelf: boolean): string {
  const self = hasSelf ? `, ${CELL.self} the pod itself` : "";
  const marks = `${CELL.allowed} allowed, ${CELL.denied} denied${self}`;
  return wide ? `${marks}; each cell: ingress, egress, both` : marks;
}

interface Row {
  readonly name: string;
  readonly index: number;
}

function gridOf(
  { ingress, egress, combined }: TitledMatrix,
  order: readonly string[],
  screen: Screen,
): string {
  const rows: Row[] = order.map((name, index) => ({ name, index }));
  const markAt = (text: string, from: Row, to: number): string => text[from.index * order.length + to] ?? "";
  const columns: Column<Row>[] = [
    { title: "#", value: ({ index }) => index + 1, align: "right" },
    { title: "from", value: ({ name }) => name },
    ...order.map(
      (_, to): Column<Row> => ({
        title: String(to + 1),
        value: (row) => {
          const both = markAt(combined, row, to);
          return screen.wide ? markAt(ingress, row, to) + markAt(egress, row, to) + both : both;
        },
        tone: (row) => TONES[markAt(combined, row, to)],
      }),
    ),
  ];
  return renderTable(screen, columns, rows, "Nobody to ask about");
}

function problemLines(problems: readonly TranslationProblem[], screen: Screen): string {
  return problems.map(({ policy, message }) => screen.paint("warning", `${policy}: ${message}`)).join("\n");
}
