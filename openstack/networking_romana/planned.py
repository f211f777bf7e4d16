"""What Neutron's database says about subnets that are plans of Romana, and about projects."""

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

REMEMBERED = 100_000
"""Subnets whose prefix is kept in mind: it never changes."""

_cidrs: dict[str, str] = {}


def plan_of_cidr(cidr: Any, what: str) -> Plan | None:
    """The plan with a prefix; ``what`` cannot be done while plans were never heard of."""
    try:
        return romana().plans.of_cidr(cidr)
    except (ApiError, Unreachable) as error:
        raise refusal(what, error) from error


def plan_of_subnet(context: Any, subnet_id: str, what: str) -> Plan | None:
    """The plan that a subnet is, if it is one."""
    cidr = _cidrs.get(subnet_id)
    if cidr is None:
        with db_api.CONTEXT_READER.using(context):
            row = context.session.query(models_v2.Subnet.cidr).filter_by(id=subnet_id).first()
        if row is None:
            return None
        cidr = str(row.cidr)
        _remember(subnet_id, cidr)
    return plan_of_cidr(cidr, what)


def planned_addresses(context: Any, port: Mapping[str, Any]) -> list[str]:
    """The addresses of a port that are Romana's."""
    what = f"look at the addresses of port {port['id']}"
    return [ip["ip_address"] for ip in port["fixed_ips"] if plan_of_subnet(context, ip["subnet_id"], what) is not None]


def is_planned_network(context: Any, network_id: str) -> bool:
    """Whether a subnet of a network is a plan."""
    with db_api.CONTEXT_READER.using(context):
        rows = context.session.query(models_v2.Subnet.cidr).filter_by(network_id=network_id).all()
    return _is_any_plan(rows, network_id)


def has_planned_addresses(session: Any, network_id: str) -> bool:
    """Whether a port of a network has an address of Romana."""
    allocation = models_v2.IPAllocation
    query = session.query(models_v2.Subnet.cidr).join(allocation, allocation.subnet_id == models_v2.Subnet.id)
    rows = query.filter(models_v2.Subnet.network_id == network_id).distinct().all()
    return _is_any_plan(rows, network_id)


def is_project_used(project_id: str) -> bool:
    """Whether a project has a network or a port."""
    context = n_context.get_admin_context()
    with db_api.CONTEXT_READER.using(context):
        return any(
            context.session.query(rows.id).filter(rows.project_id == project_id).first() is not None
            for rows in (models_v2.Port, models_v2.Network)
        )


def _is_any_plan(rows: Any, network_id: str) -> bool:
    return any(plan_of_cidr(row.cidr, f"look at network {network_id}") is not None for row in rows)


def _remember(subnet_id: str, cidr: str) -> None:
    if len(_cidrs) >= REMEMBERED:
        _cidrs.clear()
    _cidrs[subnet_id] = cidr
