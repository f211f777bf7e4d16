"""What Neutron's database says about subnets that are plans of Romana, and about projects.

Whether a subnet is a plan is asked when a process first meets it, and does not change: a subnet keeps its prefix, and
none that overlaps a plan is made afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from neutron.db import models_v2
from neutron_lib import context as n_context
from neutron_lib.db import api as db_api

from networking_romana.client import ApiError
from networking_romana.errors import refusal
from networking_romana.plans import Plan
from networking_romana.romana import romana
from networking_romana.transport import Unreachable

_known: dict[str, Plan | None] = {}
"""What the subnets are that this process has met; some hundred bytes each."""


def plan_of_subnet(context: Any, subnet_id: str, what: str) -> Plan | None:
    """The plan that a subnet is, if it is one; ``what`` cannot be done when romanad is needed and does not say."""
    if subnet_id in _known:
        return _known[subnet_id]
    with db_api.CONTEXT_READER.using(context):
        row = context.session.query(models_v2.Subnet.cidr).filter_by(id=subnet_id).first()
    return None if row is None else plan_of(subnet_id, row.cidr, what)


def plan_of(subnet_id: str, cidr: Any, what: str) -> Plan | None:
    """The same when the prefix of the subnet is known."""
    if subnet_id in _known:
        return _known[subnet_id]
    try:
        plan = romana().plans.of_cidr(cidr)
    except (ApiError, Unreachable) as error:
        raise refusal(what, error) from error
    _known[subnet_id] = plan
    return plan


def planned_addresses(context: Any, port: Mapping[str, Any]) -> list[str]:
    """The addresses of a port that are Romana's."""
    what = f"look at the addresses of port {port['id']}"
    return [ip["ip_address"] for ip in port["fixed_ips"] if plan_of_subnet(context, ip["subnet_id"], what) is not None]


def is_planned_network(context: Any, network_id: str) -> bool:
    """Whether a subnet of a network is a plan."""
    with db_api.CONTEXT_READER.using(context):
        rows = context.session.query(models_v2.Subnet.id, models_v2.Subnet.cidr)
        return _is_any_plan(rows.filter_by(network_id=network_id).all(), network_id)


def has_planned_addresses(session: Any, network_id: str) -> bool:
    """Whether a port of a network has an address of Romana."""
    subnet, allocation = models_v2.Subnet, models_v2.IPAllocation
    query = session.query(subnet.id, subnet.cidr).join(allocation, allocation.subnet_id == subnet.id)
    return _is_any_plan(query.filter(subnet.network_id == network_id).distinct().all(), network_id)


def is_project_used(project_id: str) -> bool:
    """Whether a project has a network or a port."""
    context = n_context.get_admin_context()
    with db_api.CONTEXT_READER.using(context):
        return any(
            context.session.query(rows.id).filter(rows.project_id == project_id).first() is not None
            for rows in (models_v2.Port, models_v2.Network)
        )


def _is_any_plan(rows: Any, network_id: str) -> bool:
    return any(plan_of(row.id, row.cidr, f"look at network {network_id}") is not None for row in rows)
