import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Address, formatAddress } from "../../src/net/index.ts";
import { inNamespace } from "../../src/system/namespace.ts";
import { AgentSite, until } from "../support/agent-site.ts";

const MACS = ["fa:16:3e:00:00:01", "fa:16:3e:00:00:02"] as const;
const SECRET = "between Nova and us";
const NOVA_PORT = 8775;

let site: AgentSite;
/** dnsmasq's files; it must be able to read them without rights. */
const directory = mkdtempSync(join(tmpdir(), "romana-dhcp-"));
const processes: ChildProcess[] = [];
const guests: string[] = [];

beforeAll(async () => {
  const secretFile = join(directory, "secret");
  writeFileSync(secretFile, `${SECRET}\n`, { mode: 0o600 });
  const dhcp = { enabled: true, directory, dns: ["192.0.2.53", "2001:db8::53"], domain: "example.org" };
  const metadata = { url: `http://127.0.0.1:${NOVA_PORT}/`, secretFile };
  site = await AgentSite.create({ hosts: 1, agent: { dhcp, metadata, endpointMtu: 1450 } });
  startNova();
  await site.startAgents();
  await site.client.call("updateTenant", { params: { tenant: "acme" }, body: { externalId: "project-1" } });
  for (const number of [1, 2]) guests.push(await plug(number));
}, 120_000);

afterAll(async () => {
  for (const child of processes) child.kill("SIGKILL");
  // Both outlive who started them.
  for (const pid of [dnsmasqPid(), pidIn("client.pid")]) if (pid !== undefined) killIfThere(pid);
  await site.close();
  rmSync(directory, { recursive: true, force: true });
});

function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    expect((error as NodeJS.ErrnoException).code).toBe("ESRCH");
  }
}

function dnsmasqPid(): number | undefined {
  return pidIn("pid");
}

function pidIn(file: string): number | undefined {
  try {
    return Number(readFileSync(join(directory, file), "utf8"));
  } catch {
    return undefined;
  }
}

function start(namespace: string, program: string, ...argv: string[]): void {
  processes.push(inNamespace(namespace, () => spawn(program, argv, { stdio: "ignore" })));
}

/** Somebody in Nova's place on the host, who says what he was asked. */
function startNova(): void {
  const program = `
    require("node:http").createServer((asked, answer) => {
      const { url, headers } = asked;
      const names = ["x-instance-id", "x-tenant-id", "x-instance-id-signature", "x-forwarded-for"];
      answer.end(JSON.stringify([url, ...names.map((name) => headers[name])]));
    }).listen(${NOVA_PORT}, "127.0.0.1");`;
  start(site.host(1).namespace, process.execPath, "-e", program);
}

/** A guest whose eth0 is the other end of a tap of the host, as a hypervisor joins them; returns its namespace. */
async function plug(number: number): Promise<string> {
  const { namespace, agent } = site.host(1);
  const guest = site.addNamespace(`guest${number}`);
  const [tap, inside] = [`tap${number}`, `inside${number}`];
  const end = (name: string): string => `TUN,tun-name=${name},tun-type=tap,iff-no-pi`;
  start(namespace, "socat", end(tap), end(inside));
  const netns = guest.split("/").at(-1) as string;
  await until("both ends are there", () => site.run(namespace, "ip", "link", "set", inside, "netns", netns));
  await site.run(guest, "ip", "link", "set", inside, "name", "eth0", "address", MACS[number - 1] as string);
  await site.run(guest, "sysctl", "-qw", "net.ipv6.conf.eth0.accept_dad=0");
  const attach = { kind: "tap", device: tap, mac: MACS[number - 1] as string } as const;
  const body = { name: `vm-${number}`, tenant: "acme", segment: "web", attach };
  await agent.call("createAttachment", { body });
  await until("dnsmasq knows the guest", () => {
    if (!readFileSync(join(directory, "hosts"), "utf8").includes(`tag:${tap},`)) throw new Error("not yet");
    if (dnsmasqPid() === undefined) throw new Error("it does not run yet");
    return Promise.resolve();
  });
  await site.run(guest, "ip", "link", "set", "eth0", "up");
  return guest;
}

function script(name: string, lines: readonly string[]): string {
  const file = join(directory, name);
  writeFileSync(file, `#!/bin/sh\n${lines.join("\n")}\n`);
  chmodSync(file, 0o755);
  return file;
}

function udhcpc(guest: string, tries = 20): Promise<string> {
  const handler = script("udhcpc.sh", [
    '[ "$1" = bound ] || exit 0',
    'ip addr replace "$ip/$mask" dev "$interface"',
    'ip route replace "$router" dev "$interface"',
    'ip route replace default via "$router"',
    `echo "$ip/$mask $router $mtu $dns $domain $lease $staticroutes" > ${directory}/lease`,
  ]);
  const options = ["-O", "staticroutes", "-O", "mtu", "-O", "domain", "-s", handler];
  return site.run(guest, "udhcpc", "-fqn", "-t", `${tries}`, "-T", "1", "-i", "eth0", ...options);
}

function dhclient6(guest: string): Promise<string> {
  const handler = script("dhclient.sh", [
    `[ -n "$new_ip6_address" ] && echo "$new_ip6_address $new_dhcp6_name_servers" > ${directory}/lease6`,
    "exit 0",
  ]);
  const files = ["-lf", join(directory, "client.leases"), "-pf", join(directory, "client.pid")];
  return site.run(
    guest,
    "timeout",
    "60",
    "dhclient",
    "-6",
    "-1",
    "-cf",
    "/dev/null",
    ...files,
    "-sf",
    handler,
    "eth0",
  );
}

function text(address: Address | undefined): string {
  return address === undefined ? "none" : formatAddress(address);
}

function lease(name: string): string {
  return readFileSync(join(directory, name), "utf8").trim();
}

test("a guest gets its own address and its way out, and can use both", { timeout: 120_000 }, async () => {
  const [guest = ""] = guests;
  await udhcpc(guest);
  const { endpoint, gateways } = await site.host(1).agent.call("getAttachment", { params: { ref: "vm-1" } });
  const gateway = text(gateways.ipv4);
  expect(lease("lease")).toBe(
    `${text(endpoint.addresses.ipv4)}/32 ${gateway} 1450 192.0.2.53 example.org 86400 ${gateway}/32 0.0.0.0 0.0.0.0/0 ${gateway}`,
  );
  await site.run(guest, "ping", "-c1", "-W5", gateway);
  await dhclient6(guest);
  expect(lease("lease6")).toBe(`${text(endpoint.addresses.ipv6)} 2001:db8::53`);
  await until("the guest has a way out", async () => {
    const routes = await site.run(guest, "ip", "-6", "route", "show", "default");
    if (!routes.includes("proto ra")) throw new Error(routes);
  });
  // The prefix is on no link: everything goes over the host.
  expect(await site.run(guest, "ip", "-6", "route", "show", "proto", "kernel")).not.toContain("fd00:10");
});

test("nobody gets the address of somebody else by saying his MAC address", { timeout: 120_000 }, async () => {
  const guest = guests[1] ?? "";
  await site.run(guest, "ip", "link", "set", "eth0", "address", MACS[0]);
  await expect(udhcpc(guest, 3)).rejects.toThrow();
  await site.run(guest, "ip", "link", "set", "eth0", "address", MACS[1]);
  await udhcpc(guest);
});

test("a guest reads its own metadata, whoever it claims to be", { timeout: 120_000 }, async () => {
  const [guest = ""] = guests;
  const wget = (): Promise<string> =>
    site.run(
      guest,
      "busybox",
      "wget",
      "-qO-",
      "--header",
      "X-Instance-ID: other",
      "http://169.254.169.254/latest?a=b",
    );
  await expect(wget()).rejects.toThrow("404");
  await site.client.call("updateEndpoint", { params: { ref: "vm-1" }, body: { instance: "instance-1" } });
  const answer = await until("the agent knows the instance", wget);
  // `printf instance-1 | openssl dgst -sha256 -hmac "between Nova and us"`
  const signature = "1efc9bc4694da380eb48f019cb254f54e0080d0aee6096994b147fb54ca501db";
  const own = await site.run(guest, "ip", "-4", "-o", "addr", "show", "dev", "eth0");
  expect(JSON.parse(answer)).toEqual([
    "/latest?a=b",
    "instance-1",
    "project-1",
    signature,
    /inet ([0-9.]+)/.exec(own)?.[1],
  ]);
  // The host has nothing else at that address.
  await expect(site.run(guest, "ping", "-c1", "-W1", "169.254.169.254")).rejects.toThrow();
});

test("dnsmasq is started again when it dies, goes on without the agent, and ends with the last tap", {
  timeout: 120_000,
}, async () => {
  const killed = dnsmasqPid() as number;
  process.kill(killed, "SIGKILL");
  const another = await until("another one runs", () => {
    const pid = dnsmasqPid();
    if (pid === undefined || pid === killed) throw new Error("not yet");
    return Promise.resolve(pid);
  });
  await site.stop("host-1");
  process.kill(another, 0);
  await site.startAgent(1);
  await until("the next life has its own", () => {
    const pid = dnsmasqPid();
    if (pid === undefined || pid === another) throw new Error("not yet");
    return Promise.resolve();
  });
  const last = dnsmasqPid() as number;
  for (const ref of ["vm-1", "vm-2"]) {
    await site.host(1).agent.call("deleteAttachment", { params: { ref } });
  }
  await until("it has ended", () => {
    expect(() => process.kill(last, 0)).toThrow();
    return Promise.resolve();
  });
});
