import type { Family } from "../../net/index.ts";
import type { KernelRule } from "../kernel.ts";
import { ADDRESS_FAMILY, FLAG, RTM } from "./constants.ts";
import { Attributes, type Message } from "./reader.ts";
import type { RequestEncoder } from "./socket.ts";
import type { MessageWriter } from "./writer.ts";

/** Bytes of `struct fib_rule_hdr`. */
const HEADER = 12;
const FRA = { PRIORITY: 6, FWMARK: 10, TABLE: 15, FWMASK: 16, PROTOCOL: 21 } as const;
/** `FR_ACT_TO_TBL`: look into a table. */
const TO_TABLE = 1;

/** Adds the rule unless there is one like it, or deletes exactly it. */
export function encodeRule(type: "add" | "delete", rule: KernelRule): RequestEncoder {
  return (writer, sequence) => {
    if (type === "add") {
      writer.beginMessage(RTM.NEWRULE, FLAG.REQUEST | FLAG.CREATE | FLAG.EXCLUSIVE, sequence);
    } else {
      writer.beginMessage(RTM.DELRULE, FLAG.REQUEST, sequence);
    }
    writeHeader(writer, rule.family, TO_TABLE);
    writer.attributeU32(FRA.PRIORITY, rule.priority);
    writer.attributeU32(FRA.FWMARK, rule.mark);
    writer.attributeU32(FRA.FWMASK, rule.mask);
    writer.attributeU32(FRA.TABLE, rule.table);
    writer.attributeU8(FRA.PROTOCOL, rule.protocol);
    writer.endMessage();
  };
}

/** Asks for a dump of the rules of a family. */
export function encodeGetRules(family: Family): RequestEncoder {
  return (writer, sequence) => {
    writer.beginMessage(RTM.GETRULE, FLAG.REQUEST, sequence);
    writeHeader(writer, family, 0);
    writer.endMessage();
  };
}

function writeHeader(writer: MessageWriter, family: Family, action: number): void {
  writer.u8(ADDRESS_FAMILY[family]);
  writer.u8(0);
  writer.u16(0);
  writer.u8(0);
  writer.u16(0);
  writer.u8(action);
  writer.u32(0);
}

/** The rule of an `RTM_NEWRULE` or `RTM_DELRULE` message; undefined for one that is not by mark alone. */
export function decodeRule(bytes: Buffer, message: Message): KernelRule | undefined {
  const { start } = message;
  const family = bytes[start] === ADDRESS_FAMILY[4] ? 4 : 6;
  if (family === 6 && bytes[start] !== ADDRESS_FAMILY[6]) return undefined;
  if (bytes[start + 7] !== TO_TABLE) return undefined;
  const attributes = new Attributes(bytes, start + HEADER, message.end, FRA.PROTOCOL);
  const mark = attributes.u32(FRA.FWMARK);
  const table = attributes.u32(FRA.TABLE);
  if (mark === undefined || table === undefined) return undefined;
  return {
    family,
    priority: attributes.u32(FRA.PRIORITY) ?? 0,
    mark,
    mask: attributes.u32(FRA.FWMASK) ?? 0xffffffff,
    table,
    protocol: attributes.u8(FRA.PROTOCOL) ?? 0,
  };
}
