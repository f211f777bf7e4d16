"""Policies of security groups, wanted and stored. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from networking_romana.group_policies import GROUP_PREFIX, fixed_policies, group_policy
from networking_romana.sync import difference as kinds
from networking_romana.sync.difference import Difference
from networking_romana.sync.neutron_state import NeutronState
from networking_romana.sync.romana_state import RomanaState

PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17, "icmpv6": 58, "sctp": 132}
"""romanad tells these protocols by name."""


def wanted_policies(
    groups: Iterable[Mapping[str, Any]], address_groups: Iterable[Mapping[str, Any]]
) -> dict[str, Mapping[str, Any]]:
    """The policy of each security group of the API, by the group's ID."""
    addresses = {str(group["id"]): list(group["addresses"]) for group in address_groups}
    wanted: dict[str, Mapping[str, Any]] = {}
    for group in groups:
        named = {rule.get("remote_address_group_id") for rule in group["security_group_rules"]} - {None}
        known = {it: addresses.get(it, []) for it in named}
        wanted[str(group["id"])] = group_policy(group, known)
    return wanted


def policy_differences(neutron: NeutronState, romana: RomanaState) -> Iterator[Difference]:
    """Groups that ports use have policies; those of other groups may be there, as they should, until the group goes."""
    used = {group for port in neutron.ports.values() if port.addresses for group in port.port_class.groups or ()}
    for group_id, spec in neutron.policies.items():
        stored = romana.policies.get(spec["id"])
        if stored is not None or group_id in used:
            yield from _difference(spec, stored, group_id)
    for policy_id, stored in romana.policies.items():
        if policy_id.startswith(GROUP_PREFIX) and policy_id[len(GROUP_PREFIX) :] not in neutron.policies:
            data = {"policy": policy_id, "revision": stored["revision"]}
            yield Difference(kinds.POLICY_LEFT, policy_id, "no such security group", "policy", "", data)
    if used or any(port.addresses for port in neutron.ports.values()):
        for spec in fixed_policies():
            yield from _difference(spec, romana.policies.get(spec["id"]), "")


def _difference(spec: Mapping[str, Any], stored: Mapping[str, Any] | None, group_id: str) -> Iterator[Difference]:
    what = f"security group {group_id}" if group_id else "what holds for all ports"
    if stored is None:
        yield Difference(kinds.POLICY_MISSING, spec["id"], what, "no policy", "", {"group": group_id})
    elif not _says(stored, spec):
        yield Difference(kinds.POLICY_DIFFERS, spec["id"], what, "another policy", "", {"group": group_id})


def _says(stored: Any, wanted: Any) -> bool:
    """Whether what is stored is what was wanted, and no more than defaults are added to an object."""
    if isinstance(wanted, Mapping):
        return isinstance(stored, Mapping) and all(
            _says(_number(key, stored.get(key)), _number(key, value)) for key, value in wanted.items()
        )
    if isinstance(wanted, (list, tuple)):
        return (
            isinstance(stored, list)
            and len(stored) == len(wanted)
            and all(_says(one, other) for one, other in zip(stored, wanted))
        )
    return bool(stored == wanted)


def _number(key: str, value: Any) -> Any:
    return PROTOCOLS.get(value, value) if key == "protocol" and isinstance(value, str) else value
