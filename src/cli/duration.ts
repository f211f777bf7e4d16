import { wrongInput } from "./input.ts";

const SECONDS: Readonly<Record<string, number>> = { "": 1, s: 1, m: 60, h: 3600 };

/** Seconds of a text such as `90`, `60s`, `5m` or `1h`. @throws RomanaError `invalid-input`. */
export function parseDuration(option: string, text: string): number {
  const match = /^([1-9][0-9]{0,5})([smh]?)$/.exec(text);
  if (match === null) throw wrongInput(option, `"${text}" is not a duration such as 60s, 5m or 1h`);
  return Number(match[1]) * (SECONDS[match[2] as string] as number);
}
