"""Which subnets a network may have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from neutron_lib import constants

from networking_romana.client import ApiError
from networking_romana.errors import RomanaBadRequest, refusal
from networking_romana.network_type import TYPE_ROMANA
from networking_romana.romana import romana
from networking_romana.transport import Unreachable


def check_subnet(subnet: Mapping[str, Any], network_type: str) -> None:
    """Refuses a subnet that is not the whole of a plan but has addresses of one, since both would give them out.

    A network of type ``romana`` has nothing but plans. Addresses of a plan are never made out of MAC addresses.
    """
    cidr = str(subnet["cidr"])
    what = f"create subnet {cidr}"
    try:
        plan = romana().plans.overlapping(cidr)
    except (ApiError, Unreachable) as error:
        raise refusal(what, error) from error
    if plan is None:
        if network_type == TYPE_ROMANA:
            raise RomanaBadRequest(
                what=what, reason="a network of type romana has the prefixes of Romana's networks only"
            )
        return
    if str(plan.prefix) != cidr:
        raise RomanaBadRequest(what=what, reason=f"it must be {plan.prefix}, all of Romana's network, or apart from it")
    mode = subnet.get("ipv6_address_mode")
    if mode in (constants.IPV6_SLAAC, constants.DHCPV6_STATELESS):
        raise RomanaBadRequest(
            what=what,
            reason=f"ipv6_address_mode {mode} makes addresses out of MAC addresses: use dhcpv6-stateful",
        )
