import { afterAll, beforeAll } from "vitest";
import { checked, sys } from "../../src/system/sys.ts";

const CLONE_NEWNET = 0x40000000;
const O_CLOEXEC = 0o2000000;

/**
 * Moves the thread that runs the tests of a file into a network namespace without a name, and back in the end: whatever
 * a broken kernel interface does to "its own" namespace, it does not do it to the machine.
 */
export function leaveHostNamespace(): void {
  let home: number;
  beforeAll(() => {
    home = checked(sys.open("/proc/thread-self/ns/net", O_CLOEXEC, 0), "open the own network namespace");
    checked(sys.unshare(CLONE_NEWNET), "leave the host's network namespace");
  });
  afterAll(() => {
    checked(sys.setns(home, CLONE_NEWNET), "go back to the host's network namespace");
    sys.close(home);
  });
}
