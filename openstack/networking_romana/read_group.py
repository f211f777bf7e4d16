"""A security group as Neutron has committed it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from neutron.extensions import securitygroup as group_exc
from neutron.objects import address_group as address_group_objects
from neutron_lib import context as n_context
from neutron_lib.plugins import directory


def read_group(group_id: str) -> tuple[Mapping[str, Any], Mapping[str, list[str]]] | None:
    """A group with the addresses of the address groups that it names, in a session of its own; None without it."""
    context = n_context.get_admin_context()
    try:
        group = directory.get_plugin().get_security_group(context, group_id)
    except group_exc.SecurityGroupNotFound:
        return None
    ids = {rule.get("remote_address_group_id") for rule in group["security_group_rules"]} - {None}
    return group, {address_group_id: _addresses_of(context, address_group_id) for address_group_id in ids}


def _addresses_of(context: Any, address_group_id: str) -> list[str]:
    found = address_group_objects.AddressGroup.get_object(context, id=address_group_id)
    return [] if found is None else [str(entry.address) for entry in found.addresses]
