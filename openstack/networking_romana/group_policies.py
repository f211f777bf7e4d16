"""Security groups as policies of Romana; pure.

A group is one policy, applied to the segments that carry its label, whoever's they are. What a rule says in words that
Romana does not have allows nothing, and the description of the policy tells of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import netaddr
from neutron_lib import constants

from networking_romana.port_class import GROUP_LABEL, SECURITY_LABEL
from networking_romana.tenants import MADE_BY, NEUTRON

POLICY_PREFIX = "neutron."
"""IDs of all policies that come from Neutron begin so."""

GROUP_PREFIX = f"{POLICY_PREFIX}group."
"""IDs of policies of security groups begin so; the group's ID follows."""

ORDER = 1000
LAST_ORDER = 10_000
"""Order of the policy that drops what no group allows; policies of operators come before it."""

ALL_PROTOCOLS = ("any", "ip", "0")
PORT_PROTOCOLS = (constants.PROTO_NUM_TCP, constants.PROTO_NUM_UDP, constants.PROTO_NUM_SCTP)
ICMP_OF_IPV6 = (constants.PROTO_NAME_ICMP, constants.PROTO_NAME_IPV6_ICMP_LEGACY, "1")
FAMILIES = {constants.IPv4: 4, constants.IPv6: 6}
MOST_TOLD = 10

HOST_SERVICES = ((constants.PROTO_NUM_UDP, 67), (constants.PROTO_NUM_UDP, 547), (constants.PROTO_NUM_TCP, 80))
"""DHCP of both families and metadata: protocol and port at the endpoint's own host."""


class Unsayable(Exception):
    """Why Romana has no words for a rule."""


def group_policy(group: Mapping[str, Any], address_groups: Mapping[str, Iterable[str]]) -> dict[str, Any]:
    """The policy of a security group as Neutron's API answers it.

    ``address_groups``: addresses of the address groups that its rules name, by ID.
    """
    rules, unsaid = [], []
    for rule in sorted(group["security_group_rules"], key=lambda rule: str(rule["id"])):
        try:
            rules.append(_rule(rule, bool(group.get("stateful", True)), address_groups))
        except Unsayable as error:
            unsaid.append(f"{rule['id']} ({error})")
    return _policy(
        f"{GROUP_PREFIX}{group['id']}",
        _description(str(group.get("name") or ""), unsaid),
        ORDER,
        [_with_label(GROUP_LABEL + group["id"])],
        rules,
    )


def unsaid_of(policy: Mapping[str, Any]) -> str | None:
    """What the policy of a group tells of rules that it lacks, if it lacks any."""
    _, mark, told = str(policy["description"]).partition(_UNSAID)
    return told if mark else None


def closed_group_policy(group_id: str, reason: str) -> dict[str, Any]:
    """What stands for the policy of a group that romanad does not take: it allows nothing."""
    description = f"security group that cannot be said as a policy: {_printable(reason)[:1000]}"
    return _policy(f"{GROUP_PREFIX}{group_id}", description, ORDER, [_with_label(GROUP_LABEL + group_id)], [])


def fixed_policies() -> list[dict[str, Any]]:
    """The policies that hold for all ports of Neutron, whatever their groups say."""
    ports = _with_label(SECURITY_LABEL)
    unfiltered = _with_label(SECURITY_LABEL, "off")
    made_here = {"kind": "endpoints", "tenant": _labels(MADE_BY, NEUTRON)}
    services = [{"protocol": number, "ports": {"first": port, "last": port}} for number, port in HOST_SERVICES]
    both = (constants.INGRESS_DIRECTION, constants.EGRESS_DIRECTION)
    return [
        _policy(
            f"{POLICY_PREFIX}host-services",
            "what every port may use at its own host: DHCP and metadata",
            ORDER,
            [ports, made_here],
            [_verdict("egress", "accept", [{"kind": "host"}], services)],
        ),
        _policy(
            f"{POLICY_PREFIX}unfiltered",
            "ports without port security",
            ORDER,
            [unfiltered],
            [_verdict(direction, "accept", [{"kind": "any"}], [{}]) for direction in both],
        ),
        _policy(
            f"{POLICY_PREFIX}closed",
            "what no security group allows",
            LAST_ORDER,
            [ports, made_here],
            [_verdict(direction, "drop", [{"kind": "any"}], [{}]) for direction in both],
        ),
    ]


_UNSAID = "; rules that are left out: "


def _description(name: str, unsaid: list[str]) -> str:
    text = f"security group {_printable(name)[:255]}"
    if not unsaid:
        return text
    more = [f"{len(unsaid) - MOST_TOLD} more"] if len(unsaid) > MOST_TOLD else []
    return (text + _UNSAID + ", ".join([*unsaid[:MOST_TOLD], *more]))[:2000]


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)


def _rule(rule: Mapping[str, Any], stateful: bool, address_groups: Mapping[str, Iterable[str]]) -> dict[str, Any]:
    family = FAMILIES.get(str(rule["ethertype"]))
    if family is None:
        raise Unsayable(f"ethertype {rule['ethertype']}")
    if rule["direction"] not in (constants.INGRESS_DIRECTION, constants.EGRESS_DIRECTION):
        raise Unsayable(f"direction {rule['direction']}")
    peers = _peers(rule, family, address_groups)
    traffic = {"family": family, **_kind(rule, family)}
    return {**_verdict(rule["direction"], "accept", peers, [traffic], stateful), "name": str(rule["id"])}


def _peers(rule: Mapping[str, Any], family: int, address_groups: Mapping[str, Iterable[str]]) -> list[dict[str, Any]]:
    group, prefix, addresses = (
        rule.get("remote_group_id"),
        rule.get("remote_ip_prefix"),
        rule.get("remote_address_group_id"),
    )
    if sum(value is not None for value in (group, prefix, addresses)) > 1:
        raise Unsayable("several remotes")
    if group is not None:
        return [_with_label(GROUP_LABEL + group)]
    if addresses is not None:
        networks = [netaddr.IPNetwork(address) for address in address_groups.get(addresses, ())]
        return [_prefix(network) for network in sorted(networks) if network.version == family]
    if prefix is None:
        return [{"kind": "any"}]
    network = netaddr.IPNetwork(prefix)
    if network.version != family:
        raise Unsayable(f"prefix {prefix} of the other family")
    return [_prefix(network)]


def _kind(rule: Mapping[str, Any], family: int) -> dict[str, Any]:
    """Protocol, ports and types of a rule."""
    word, first, last = rule.get("protocol"), rule.get("port_range_min"), rule.get("port_range_max")
    word = None if word is None else str(word).lower()
    if word is None or word in ALL_PROTOCOLS:
        if first is not None or last is not None:
            raise Unsayable("ports of no protocol")
        return {}
    if family == 6 and word in ICMP_OF_IPV6:
        word = constants.PROTO_NAME_IPV6_ICMP
    number = constants.IP_PROTOCOL_MAP.get(word)
    if number is None and word.isdecimal() and int(word) <= 255:
        number = int(word)
    if number is None or number == 0:
        raise Unsayable(f"protocol {word}")
    if number in (constants.PROTO_NUM_ICMP, constants.PROTO_NUM_IPV6_ICMP):
        return {"protocol": number, **_icmp(first, last)}
    if first is None and last is None:
        return {"protocol": number}
    if number not in PORT_PROTOCOLS:
        raise Unsayable(f"ports of protocol {word}")
    if first is None or last is None or not 0 <= first <= last <= 65_535:
        raise Unsayable(f"ports {first} to {last}")
    return {"protocol": number, "ports": {"first": first, "last": last}}


def _icmp(kind: int | None, code: int | None) -> dict[str, Any]:
    if kind is None and code is None:
        return {}
    # Hosts with iptables cannot tell type 255 from all types, and refuse their whole table for it.
    if kind is None or not 0 <= kind <= 254 or not 0 <= (code or 0) <= 255:
        raise Unsayable(f"ICMP type {kind} code {code}")
    return {"icmp": {"type": kind} if code is None else {"type": kind, "code": code}}


def _prefix(network: Any) -> dict[str, Any]:
    return {"kind": "prefix", "prefix": str(network.cidr)}


def _with_label(key: str, value: str | None = None) -> dict[str, Any]:
    return {"kind": "endpoints", "segment": _labels(key, value)}


def _labels(key: str, value: str | None) -> dict[str, Any]:
    requirement: dict[str, Any] = {"key": key, "operator": "Exists"}
    if value is not None:
        requirement = {"key": key, "operator": "In", "values": [value]}
    return {"by": "labels", "requirements": [requirement]}


def _verdict(
    direction: str, verdict: str, peers: list[dict[str, Any]], traffic: list[dict[str, Any]], stateful: bool = True
) -> dict[str, Any]:
    return {
        "direction": direction,
        "verdict": verdict,
        "peers": peers,
        "traffic": traffic,
        "stateful": stateful,
    }


def _policy(
    policy_id: str, description: str, order: int, targets: list[dict[str, Any]], rules: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "id": policy_id,
        "description": description,
        "tier": "standard",
        "order": order,
        "appliedTo": targets,
        "isolates": [],
        "rules": rules,
        "established": "cut",
    }
