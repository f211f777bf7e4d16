import { type Side, sidesOf } from "../src/firewall/sides.ts";
import { type Network, plansOf } from "../src/model/index.ts";
import { addressBits, formatAddress, prefixMask } from "../src/net/index.ts";
import type { PolicyWorld } from "../src/policy/index.ts";
import { compilePolicies, type RuleEntry } from "../src/rules/index.ts";

/**
 * What accepts of policies come to when each is a rule of its own in FORWARD, as text for iptables-restore: IPv4 only, one
 * rule for each entry that anybody wrote, behind one for known connections, and nothing that drops.
 */
export function linearRules(world: PolicyWorld): string {
  const { ingress, egress } = compilePolicies(world).endpoints;
  const entriesOf = ({ tiers }: typeof ingress): readonly RuleEntry[] =>
    tiers.standard.flatMap(({ entries }) => entries);
  const rules = [
    ...entriesOf(ingress).flatMap((entry) => ruleTexts(world.networks, entry, "-d", "-s")),
    ...entriesOf(egress).flatMap((entry) => ruleTexts(world.networks, entry, "-s", "-d")),
  ];
  return [
    "*filter",
    ":FORWARD ACCEPT [0:0]",
    "-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    ...rules,
    "COMMIT\n",
  ].join("\n");
}

function ruleTexts(
  networks: readonly Network[],
  { subject, peer, traffic: { protocol, ports } }: RuleEntry,
  subjectFlag: string,
  peerFlag: string,
): readonly string[] {
  const plans = networks.flatMap(plansOf).filter(({ family }) => family === 4);
  const [subjects, peers] = [sidesOf(subject, 4, plans), sidesOf(peer, 4, plans)];
  const traffic = [
    ...(protocol === undefined ? [] : [`-p ${protocol}`]),
    ...(ports === undefined ? [] : [`--dport ${ports.first}:${ports.last}`]),
  ];
  return subjects.flatMap((own) =>
    peers.map((other) =>
      ["-A FORWARD", sideText(subjectFlag, own), sideText(peerFlag, other), ...traffic, "-j ACCEPT"].join(
        " ",
      ),
    ),
  );
}

/** Bits that identify, with a mask that has gaps; or a prefix. */
function sideText(flag: string, { form, first, last, mask }: Side): string {
  if (form === "none") return "";
  const text = (value: bigint): string => formatAddress({ family: 4, value });
  const length = addressBits(4) - (last - first).toString(2).length;
  const bits = form === "masked" ? mask : prefixMask(4, length);
  return `${flag} ${text(first)}/${text(bits)}`;
}
