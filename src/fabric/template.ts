import { type Fault, invalidInput } from "../model/index.ts";
import { formatAddress } from "../net/index.ts";
import type { DeviceConfiguration } from "./configuration.ts";

/** A configuration in parts, each lines of text. */
export interface ConfigurationBlocks {
  /** Who wrote it, logging, the router ID. */
  readonly head: readonly string[];
  readonly bfd: readonly string[];
  /** What goes between the daemon and the kernel. */
  readonly kernel: readonly string[];
  /** The prefixes that begin here, and what is marked on them. */
  readonly origins: readonly string[];
  readonly sessions: readonly string[];
}

/** The configuration without a template: all blocks, an empty line between them. */
export function joinBlocks({ head, bfd, kernel, origins, sessions }: ConfigurationBlocks): string {
  const blocks = [head, bfd, kernel, origins, sessions].filter((lines) => lines.length > 0);
  return `${blocks.map((lines) => lines.join("\n")).join("\n\n")}\n`;
}

/**
 * An operator's own text with `{{word}}` replaced: `head`, `bfd`, `kernel`, `origins` and `sessions` are the blocks, `device`,
 * `role`, `asn` and `routerId` values of the device.
 * @throws RomanaError `invalid-input` for every word that means nothing, and without `{{sessions}}`.
 */
export function fillTemplate(
  template: string,
  blocks: ConfigurationBlocks,
  { device, role, asn, routerId }: DeviceConfiguration,
): string {
  const words = new Map<string, string>([
    ["device", device],
    ["role", role],
    ["asn", String(asn)],
    ["routerId", formatAddress(routerId)],
    ...Object.entries(blocks).map(
      ([name, lines]: [string, readonly string[]]) => [name, lines.join("\n")] as const,
    ),
  ]);
  const faults: Fault[] = [];
  const used = new Set<string>();
  const text = template.replaceAll(/\{\{\s*([^{}]*?)\s*\}\}/g, (_, word: string) => {
    used.add(word);
    const value = words.get(word);
    if (value === undefined) {
      const known = [...words.keys()].join(", ");
      faults.push({ path: "", reason: `"{{${word}}}" means nothing; there are ${known}` });
    }
    return value ?? "";
  });
  if (!used.has("sessions")) faults.push({ path: "", reason: 'it has no "{{sessions}}"' });
  if (faults.length > 0) throw invalidInput("fill the template", faults);
  return text;
}
