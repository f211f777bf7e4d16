import { writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { openNamespace } from "../../../src/system/namespace.ts";
import { checked, sys } from "../../../src/system/sys.ts";

/**
 * A door into the network of a machine: listens on this machine's loopback and connects inside. Arguments: path of the
 * network namespace, port inside, file for the port outside.
 */
const CLONE_NEWNET = 0x40000000;
const [namespace, port, file] = process.argv.slice(2) as [string, string, string];

const server = createServer((outside) => {
  const inside = connect({ host: "127.0.0.1", port: Number(port), noDelay: true });
  outside.setNoDelay();
  outside.pipe(inside).pipe(outside);
  outside.on("error", () => inside.destroy());
  inside.on("error", () => outside.destroy());
});
server.listen(0, "127.0.0.1", () => {
  // What listens stays outside; every socket that is made from here on is inside.
  checked(sys.setns(openNamespace(namespace), CLONE_NEWNET), "enter the network of a machine");
  writeFileSync(file, String((server.address() as AddressInfo).port));
});
