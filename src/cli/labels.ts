import type { Labels, NamedPort } from "../model/index.ts";
import { encodeNamedPorts, parseProtocol } from "../schema/index.ts";
import type { Input, Option } from "./command.ts";
import type { Column } from "./format.ts";
import { wrongInput } from "./input.ts";

/** The option of labels. */
export const LABEL_OPTION: Option = {
  name: "label",
  value: "KEY=VALUE",
  many: true,
  summary: "A label that policies select by; all that it shall have",
};

/** The option that takes all labels away. */
export const NO_LABELS_OPTION: Option = { name: "no-labels", summary: "Take all labels away" };

/** The option of ports with names. */
export const PORT_OPTION: Option = {
  name: "port",
  value: "NAME=PROTOCOL/NUMBER",
  many: true,
  summary: "A port that policies may name, such as http=tcp/80; all that it shall have",
};

/** The column of labels; people see it with `-o wide`. */
export function labelsColumn<T extends { readonly labels?: Labels }>(): Column<T> {
  return {
    title: "labels",
    value: ({ labels }) => [...(labels ?? [])].map(([key, value]) => `${key}=${value}`).join(", "),
    wide: true,
  };
}

/** Ports as people read them. */
export function portsText(ports: readonly NamedPort[]): string {
  return encodeNamedPorts(ports)
    .map(({ name, protocol, port }) => `${name}=${protocol}/${port}`)
    .join(", ");
}

/** The labels of the options as the API takes them; undefined when none is given. @throws RomanaError `invalid-input`. */
export function labelsOf(input: Input, canRemove = false): Record<string, string> | undefined {
  const texts = input.list("label");
  const isRemoved = canRemove && input.flag("no-labels");
  if (texts.length === 0) return isRemoved ? {} : undefined;
  const labels = new Map<string, string>();
  for (const text of texts) {
    const at = text.indexOf("=");
    if (at < 1) throw wrongInput("--label", `"${text}" is not KEY=VALUE`);
    const key = text.slice(0, at);
    if (labels.has(key)) throw wrongInput("--label", `"${key}" is there twice`);
    labels.set(key, text.slice(at + 1));
  }
  return Object.fromEntries(labels);
}

/** The ports of the options as the API takes them; undefined when none is given. @throws RomanaError `invalid-input`. */
export function portsOf(input: Input): { name: string; protocol: number; port: number }[] | undefined {
  const texts = input.list("port");
  if (texts.length === 0) return undefined;
  return texts.map((text) => {
    const match = /^([^=]+)=([^/]+)\/([0-9]{1,5})$/.exec(text);
    const protocol = match && parseProtocol(match[2] as string);
    if (match === null || protocol === null || protocol === undefined) {
      throw wrongInput("--port", `"${text}" is not NAME=PROTOCOL/NUMBER`);
    }
    return { name: match[1] as string, protocol, port: Number(match[3]) };
  });
}
