import { execFileSync } from "node:child_process";
import { describe } from "vitest";
import { kernelCases } from "../../src/system/kernel.case.ts";
import { createLinuxKernel } from "../../src/system/linux-kernel.ts";
import { createNamespace, deleteNamespace, inNamespace, namespacePath } from "../../src/system/namespace.ts";
import { leaveHostNamespace } from "../support/network-sandbox.ts";

leaveHostNamespace();

describe("the Linux kernel", () => {
  let number = 0;
  kernelCases(() => {
    const host = `romsys-${process.pid}-h${++number}`;
    const peer = `romsys-${process.pid}-p${number}`;
    createNamespace(host);
    createNamespace(peer);
    const kernel = createLinuxKernel({ namespace: namespacePath(host) });
    return {
      kernel,
      peerNamespace: namespacePath(peer),
      deletePeerNamespace: () => deleteNamespace(peer),
      foreignNft: (text) =>
        inNamespace(namespacePath(host), () => execFileSync("nft", ["-f", "-"], { input: text })),
      close: () => {
        kernel.close();
        deleteNamespace(host);
        deleteNamespace(peer);
      },
    };
  });
});
