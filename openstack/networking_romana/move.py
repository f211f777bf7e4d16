"""A port that gets another host gets addresses of it: cold migration, evacuation, unshelve."""

from __future__ import annotations

from typing import Any, Callable

from neutron_lib import constants
from neutron_lib.db import api as db_api

from networking_romana.client import ApiError, Endpoint
from networking_romana.errors import RomanaConflict, refusal
from networking_romana.planned import plan_of_subnet
from networking_romana.romana import romana
from networking_romana.transport import Unreachable
from networking_romana.wish import facts_of, wish_of

HOST = "binding:host_id"


def move_port(context: Any, original: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Writes addresses of the new host into an update of a port that brings one.

    Nothing is written when the caller says addresses himself, or the port had no host yet. The new endpoints are
    made here and are Neutron's when it stores them; the old ones are released after that.
    """
    host = wanted.get(HOST)
    if host in (None, "", constants.ATTR_NOT_SPECIFIED, original.get(HOST)) or not original.get(HOST):
        return
    if wanted.get("fixed_ips", constants.ATTR_NOT_SPECIFIED) is not constants.ATTR_NOT_SPECIFIED:
        return
    what = f"move port {original['id']} to host {host}"
    plans = [plan_of_subnet(context, ip["subnet_id"], what) for ip in original["fixed_ips"]]
    if not any(plans):
        return
    given = {key: value for key, value in wanted.items() if key in (HOST, "binding:profile")}
    facts = facts_of({**original, **given})
    with db_api.CONTEXT_READER.using(context):
        wish = wish_of(context, facts)
    endpoints = romana().endpoints
    made: list[Endpoint] = []
    by_old: dict[tuple[str, ...], Endpoint] = {}
    fixed_ips = []
    try:
        for ip, plan in zip(original["fixed_ips"], plans):
            if plan is None:
                fixed_ips.append({"subnet_id": ip["subnet_id"], "ip_address": ip["ip_address"]})
                continue
            old = endpoints.at(ip["ip_address"], facts.port_id)
            key = (ip["ip_address"],) if old is None else old.addresses
            if key not in by_old:
                used = list(by_old.values())
                by_old[key], is_new = endpoints.allocate(
                    plan.network, wish, _not_in(used), is_held=lambda endpoint: False
                )
                if is_new:
                    made.append(by_old[key])
            address = by_old[key].address_of(plan.prefix.version)
            if address is None:
                raise RomanaConflict(what=what, reason=f'network "{plan.network}" gave none of this family')
            fixed_ips.append({"subnet_id": ip["subnet_id"], "ip_address": address})
    except Exception as error:
        for endpoint in made:
            romana().releases.later(facts.port_id, endpoint.addresses)
        if isinstance(error, (ApiError, Unreachable)):
            raise refusal(what, error) from error
        raise
    wanted["fixed_ips"] = fixed_ips


def _not_in(used: list[Endpoint]) -> Callable[[Endpoint], bool]:
    return lambda endpoint: endpoint not in used
