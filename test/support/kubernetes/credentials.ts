import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "../../../src/system/command.ts";

/** Who may speak with the API server: a name, its groups, and the token that proves it. */
export interface User {
  readonly name: string;
  readonly groups: readonly string[];
  readonly token: string;
}

/** Keys, certificates and users of one control plane, and the files that they are in. */
export interface Credentials {
  /** The certificate of the API server, signed by itself, which clients trust. PEM. */
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
  readonly accountKey: string;
  readonly accountPublicKey: string;
  readonly tokens: string;
  readonly admin: User;
  /** A component's or a node's user. */
  user(name: string): User;
}

/** The groups of the users that Kubernetes' own programs are; RBAC's bootstrap roles are bound to these names. */
function groupsOf(name: string): readonly string[] {
  if (name === "admin") return ["system:masters"];
  return name.startsWith("system:node:") ? ["system:nodes"] : [];
}

/**
 * Makes what a control plane proves itself by, in a directory.
 * @param names for which the API server's certificate holds, as `IP:…` and `DNS:…`
 * @param users other than `admin`
 */
export async function createCredentials(
  directory: string,
  names: readonly string[],
  users: readonly string[],
): Promise<Credentials> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const file = (name: string): string => join(directory, name);
  const request = [
    "openssl",
    "req",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-nodes",
  ];
  const subject = [
    "-days",
    "30",
    "-subj",
    "/CN=kube-apiserver",
    "-addext",
    `subjectAltName=${names.join(",")}`,
  ];
  await runCommand({ argv: [...request, ...subject, "-keyout", file("tls.key"), "-out", file("tls.crt")] });
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  writeFileSync(file("account.key"), privateKey.export({ type: "sec1", format: "pem" }), { mode: 0o600 });
  writeFileSync(file("account.pub"), publicKey.export({ type: "spki", format: "pem" }));
  const known = ["admin", ...users].map((name) => ({
    name,
    groups: groupsOf(name),
    token: randomBytes(16).toString("hex"),
  }));
  const lines = known.map(({ name, groups, token }) => `${token},${name},${name},"${groups.join(",")}"\n`);
  writeFileSync(file("tokens.csv"), lines.join(""), { mode: 0o600 });
  const user = (name: string): User => {
    const found = known.find((candidate) => candidate.name === name);
    if (found === undefined) throw new RangeError(`there is no user "${name}"`);
    return found;
  };
  return {
    ca: readFileSync(file("tls.crt"), "utf8"),
    certificate: file("tls.crt"),
    key: file("tls.key"),
    accountKey: file("account.key"),
    accountPublicKey: file("account.pub"),
    tokens: file("tokens.csv"),
    admin: user("admin"),
    user,
  };
}

/** A kubeconfig for a user. @returns its path */
export function writeKubeconfig(path: string, server: string, ca: string, { name, token }: User): string {
  const document = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      {
        name: "cluster",
        cluster: { server, "certificate-authority-data": Buffer.from(ca).toString("base64") },
      },
    ],
    users: [{ name, user: { token } }],
    contexts: [{ name: "context", context: { cluster: "cluster", user: name } }],
    "current-context": "context",
  };
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, JSON.stringify(document, undefined, 2), { mode: 0o600 });
  return path;
}
