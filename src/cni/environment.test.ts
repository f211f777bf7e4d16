import { describe, expect, test } from "vitest";
import { parseCniArguments } from "./cni-arguments.ts";
import type { CniError } from "./cni-error.ts";
import { readCall } from "./environment.ts";
import { variables } from "./scripted-port.case.ts";

function thrown(run: () => unknown): CniError {
  try {
    run();
  } catch (error) {
    return error as CniError;
  }
  throw new Error("nothing was thrown");
}

const read = (command: string, change: Record<string, string>): unknown => {
  const all = variables(command, change);
  return readCall({ environment: (name) => all[name] });
};

describe("readCall()", () => {
  test.each<[string, Record<string, string>]>([
    ["ADD", {}],
    ["ADD", { CNI_CONTAINERID: "0.a_B-c", CNI_IFNAME: "net1.200@x-y_z0" }],
    ["DEL", { CNI_NETNS: "" }],
    ["GC", { CNI_CONTAINERID: "", CNI_IFNAME: "", CNI_NETNS: "", CNI_PATH: "" }],
    ["STATUS", { CNI_CONTAINERID: "/", CNI_IFNAME: "a b" }],
    ["VERSION", { CNI_CONTAINERID: "" }],
  ])("%s takes %j", (command, change) => {
    expect(read(command, change)).toMatchObject({ command });
  });

  test.each<[string, Record<string, string>, string]>([
    ["", {}, "CNI_COMMAND"],
    ["add", {}, "CNI_COMMAND"],
    ["toString", {}, "CNI_COMMAND"],
    ["ADD", { CNI_CONTAINERID: "" }, "CNI_CONTAINERID"],
    ["ADD", { CNI_CONTAINERID: ".a" }, "CNI_CONTAINERID"],
    ["ADD", { CNI_CONTAINERID: "a/b" }, "CNI_CONTAINERID"],
    ["ADD", { CNI_CONTAINERID: "a\n" }, "CNI_CONTAINERID"],
    ["ADD", { CNI_NETNS: "" }, "CNI_NETNS"],
    ["CHECK", { CNI_NETNS: "netns/x" }, "CNI_NETNS"],
    ["ADD", { CNI_IFNAME: "." }, "CNI_IFNAME"],
    ["ADD", { CNI_IFNAME: ".." }, "CNI_IFNAME"],
    ["ADD", { CNI_IFNAME: "a/b" }, "CNI_IFNAME"],
    ["ADD", { CNI_IFNAME: "a:b" }, "CNI_IFNAME"],
    ["ADD", { CNI_IFNAME: "a b" }, "CNI_IFNAME"],
    ["ADD", { CNI_IFNAME: "abcdefghijklmnop" }, "CNI_IFNAME"],
    ["DEL", { CNI_CONTAINERID: "", CNI_IFNAME: "" }, "CNI_CONTAINERID, CNI_IFNAME"],
    [
      "CHECK",
      { CNI_CONTAINERID: "", CNI_NETNS: "", CNI_IFNAME: "" },
      "CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME",
    ],
  ])("%s with %j names %s", (command, change, names) => {
    const { code, message } = thrown(() => read(command, change));
    expect([code, message]).toEqual([4, `Invalid environment variables: ${names}`]);
  });
});

describe("parseCniArguments()", () => {
  test.each<[string, object]>([
    ["", {}],
    [";", {}],
    [
      "IgnoreUnknown=1;K8S_POD_NAMESPACE=a;K8S_POD_NAME=b;K8S_POD_UID=u;K8S_POD_INFRA_CONTAINER_ID=c",
      { podUid: "u" },
    ],
    ["K8S_POD_UID=", {}],
    [
      "COLOUR=red;IgnoreUnknown=true;IP=10.0.0.1;MAC=02:00:00:00:00:01",
      { ip: "10.0.0.1", mac: "02:00:00:00:00:01" },
    ],
    ["IP=a=b", { ip: "a=b" }],
  ])("reads %j", (text, found) => {
    expect(parseCniArguments(text)).toEqual(found);
  });
  test.each(["COLOUR=red", "COLOUR=red;IgnoreUnknown=0", "K8S_POD_UID", "=x", "toString=1"])(
    "refuses %j",
    (text) => {
      const { code, message } = thrown(() => parseCniArguments(text));
      expect([code, message]).toEqual([4, "Invalid environment variables: CNI_ARGS"]);
    },
  );
});
