import { execFileSync } from "node:child_process";
import { describe, expect } from "vitest";
import { kernelCases } from "../../src/system/kernel.case.ts";
import type { Kernel } from "../../src/system/kernel.ts";
import { createLinuxKernel } from "../../src/system/linux-kernel.ts";
import { createNamespace, deleteNamespace, inNamespace, namespacePath } from "../../src/system/namespace.ts";
import type { SocketAddress } from "../../src/system/socket-address.ts";
import { openSocket } from "../../src/system/sockets.ts";
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
      sendUdp: (from, to) => {
        startLoopback(kernel);
        sendDatagrams(namespacePath(host), from, to, 1);
      },
      sendLoggedUdp: ({ group, prefix }, from, to, count) => {
        startLoopback(kernel);
        const rule = `meta mark set 5 log prefix "${prefix}" group ${group}`;
        kernel.runNft(
          `table inet logging {\n  chain out {\n    type filter hook output priority 0\n    udp sport ${from.port} ${rule}\n  }\n}\n`,
        );
        sendDatagrams(namespacePath(host), from, to, count);
        kernel.runNft("delete table inet logging\n");
      },
      close: () => {
        kernel.close();
        deleteNamespace(host);
        deleteNamespace(peer);
      },
    };
  });
});

/** Makes the loopback device pass and the kernel track what it passes. */
function startLoopback(kernel: Kernel): void {
  kernel.apply([{ type: "set-link-up", link: 1 }]);
  kernel.runNft(
    "add table inet track\nadd chain inet track out { type filter hook output priority 0; }\n" +
      "flush chain inet track out\nadd rule inet track out ct state invalid drop\n",
  );
}

function sendDatagrams(namespace: string, from: SocketAddress, to: SocketAddress, count: number): void {
  const socket = openSocket("udp", from.address.family, namespace);
  try {
    socket.bind(from);
    for (let sent = 0; sent < count; sent++) expect(socket.send(Buffer.alloc(100), to)).toBeUndefined();
  } finally {
    socket.close();
  }
}
