import { parsePrefix } from "../net/index.ts";
import type { BodyOf, CONTRACT } from "../schema/index.ts";
import { wrongInput } from "./input.ts";
import { healthCheckOf, healthCheckText } from "./service-words.ts";
import { segmentName } from "./words.ts";

type Body = BodyOf<typeof CONTRACT.createChain>;

/** Who sends: `any`, a prefix, `TENANT/SEGMENT` or `TENANT`; undefined when it is not said. */
export function chainFromOf(text: string | undefined): Body["from"] | undefined {
  if (text === undefined) return undefined;
  if (text === "any") return { any: true };
  if (isPrefix(text)) return { cidr: text };
  return text.includes("/") ? segmentName(text) : { tenant: text };
}

/** Who receives: `TENANT/SEGMENT`, or the name of a service; undefined when it is not said. */
export function chainToOf(text: string | undefined): Body["to"] | undefined {
  if (text === undefined) return undefined;
  return text.includes("/") ? segmentName(text) : { service: text };
}

/**
 * Functions of options, `TENANT/SEGMENT[,open|,closed][,CHECK]`, as the API takes them; undefined when none is given.
 * @throws RomanaError `invalid-input`.
 */
export function chainFunctionsOf(texts: readonly string[]): Body["through"] | undefined {
  if (texts.length === 0) return undefined;
  return texts.map((text) => {
    const match = /^([^,]+)(?:,(open|closed))?(?:,(.+))?$/.exec(text);
    if (match === null) {
      throw wrongInput("--through", `"${text}" is not TENANT/SEGMENT[,open|,closed][,CHECK]`);
    }
    const [, where = "", fail, check] = match;
    const health = healthCheckOf(check);
    return {
      ...segmentName(where),
      ...(fail !== undefined && { fail: fail as "open" | "closed" }),
      ...(health !== undefined && { health }),
    };
  });
}

/** Who sends, as {@link chainFromOf} reads it. */
export function chainFromText({ tenant, segment, cidr }: Body["from"]): string {
  if (cidr !== undefined) return cidr;
  if (tenant === undefined) return "any";
  return segment === undefined ? tenant : `${tenant}/${segment}`;
}

/** Who receives, as {@link chainToOf} reads it. */
export function chainToText({ tenant, segment, service }: Body["to"]): string {
  return service ?? `${tenant}/${segment}`;
}

function isPrefix(text: string): boolean {
  try {
    parsePrefix(text);
    return true;
  } catch {
    return false;
  }
}

/** A function as {@link chainFunctionsOf} reads it. */
export function chainFunctionText({ tenant, segment, fail, health }: Body["through"][number]): string {
  return [
    `${tenant}/${segment}`,
    ...(fail === "open" ? [fail] : []),
    ...(health === undefined ? [] : [healthCheckText(health)]),
  ].join(",");
}
