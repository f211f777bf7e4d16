import { describe } from "vitest";
import { createFakeKernel } from "./fake-kernel.ts";
import { kernelCases } from "./kernel.case.ts";

describe("the fake kernel", () => {
  const peerNamespace = "/run/netns/peer";
  kernelCases(() => {
    const kernel = createFakeKernel();
    kernel.addNamespace(peerNamespace);
    return {
      kernel,
      peerNamespace,
      deletePeerNamespace: () => kernel.deleteNamespace(peerNamespace),
      foreignNft: (text) => kernel.outside.runNft(text),
      close: () => kernel.close(),
    };
  });
});
