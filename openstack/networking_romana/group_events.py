"""What Neutron tells of security groups and address groups, after it is committed."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from neutron.db.models import securitygroup as models
from neutron_lib import context as n_context
from neutron_lib.callbacks import events, registry, resources
from neutron_lib.db import api as db_api

from networking_romana.port_class import GROUP_LABEL
from networking_romana.romana import romana
from networking_romana.transactions import on_commit


def listen() -> None:
    """Has the policies of groups follow their groups."""
    registry.subscribe(_on_group, resources.SECURITY_GROUP, events.AFTER_UPDATE)
    registry.subscribe(_before_group_goes, resources.SECURITY_GROUP, events.PRECOMMIT_DELETE)
    registry.subscribe(_on_new_rule, resources.SECURITY_GROUP_RULE, events.AFTER_CREATE)
    registry.subscribe(_on_gone_rule, resources.SECURITY_GROUP_RULE, events.AFTER_DELETE)
    registry.subscribe(_on_address_group, resources.ADDRESS_GROUP, events.AFTER_UPDATE)


def follow(group_id: str) -> None:
    """Makes the policy of a group what the group says now; if romanad cannot, later."""
    romana().later.try_now(f"follow security group {group_id}", partial(romana().groups.follow, group_id))


def _on_group(_resource: Any, _event: Any, _trigger: Any, payload: Any) -> None:
    follow(payload.resource_id)


def _on_new_rule(_resource: Any, _event: Any, _trigger: Any, payload: Any) -> None:
    follow(payload.latest_state["security_group_id"])


def _on_gone_rule(_resource: Any, _event: Any, _trigger: Any, payload: Any) -> None:
    follow(payload.metadata["security_group_id"])


def _before_group_goes(_resource: Any, _event: Any, _trigger: Any, payload: Any) -> None:
    """With a group go rules of other groups that name it, of which Neutron tells nothing."""
    session, group_id = payload.context.session, payload.resource_id
    rows = session.query(models.SecurityGroupRule.security_group_id).filter_by(remote_group_id=group_id)
    others = {row.security_group_id for row in rows} - {group_id}
    on_commit(session, partial(_group_is_gone, group_id, others))


def _group_is_gone(group_id: str, others: Iterable[str]) -> None:
    for other in (group_id, *sorted(others)):
        follow(other)
    romana().later.try_now(
        f"delete the segments of security group {group_id}",
        partial(romana().tenants.drop_segments_labelled, GROUP_LABEL + group_id),
    )


def _on_address_group(_resource: Any, _event: Any, _trigger: Any, payload: Any) -> None:
    context = n_context.get_admin_context()
    with db_api.CONTEXT_READER.using(context):
        rule = models.SecurityGroupRule
        rows = context.session.query(rule.security_group_id).filter_by(remote_address_group_id=payload.resource_id)
        groups = {row.security_group_id for row in rows}
    for group_id in sorted(groups):
        follow(group_id)
