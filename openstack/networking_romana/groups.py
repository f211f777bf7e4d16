"""Keeps the policies of security groups as Neutron has the groups."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import Any, Callable

from oslo_log import log as logging

from networking_romana.client import ApiError, Client
from networking_romana.errors import RomanaConflict
from networking_romana.group_policies import (
    GROUP_PREFIX,
    closed_group_policy,
    fixed_policies,
    group_policy,
    unsaid_of,
)

LOG = logging.getLogger(__name__)

MOST = 20
"""Most attempts while others write the same policy."""

Group = Mapping[str, Any]
ReadGroup = Callable[[str], "tuple[Group, Mapping[str, Iterable[str]]] | None"]
"""A security group and the address groups that it names, as committed now; None when there is no such group."""


class Groups:
    """A group has a policy from the first port on whose addresses Romana gives, until the group is deleted."""

    def __init__(self, client: Client, read_group: ReadGroup) -> None:
        """``read_group`` must not see an old snapshot of the database."""
        self._client = client
        self._read_group = read_group
        self._lock = threading.Lock()
        self._ensured: set[str] = set()

    def ensure_fixed(self) -> None:
        """Makes the policies that hold for all ports; asks romanad once in the life of the process."""
        with self._lock:
            if "" in self._ensured:
                return
        for spec in fixed_policies():
            try:
                self._client.create_policy(spec)
            except ApiError as error:
                if error.code != "conflict":
                    raise
                before = self._client.policy(spec["id"])
                if before is not None:
                    self._client.replace_policy(spec, before["revision"])
        with self._lock:
            self._ensured.add("")

    def ensure(self, group_ids: Iterable[str]) -> None:
        """Makes the policies of groups that this process has not seen in romanad yet."""
        for group_id in group_ids:
            with self._lock:
                is_known = group_id in self._ensured
            if not is_known:
                self._follow(group_id, is_wanted=True)
                with self._lock:
                    self._ensured.add(group_id)

    def follow(self, group_id: str) -> None:
        """Makes the policy of a group what the group says now, if it has one; deletes it with its group."""
        self._follow(group_id, is_wanted=False)

    def _follow(self, group_id: str, is_wanted: bool) -> None:
        """The policy is looked at before the group and written only over what was seen: the last word is the newest."""
        for _ in range(MOST):
            before = self._client.policy(GROUP_PREFIX + group_id)
            if before is None and not is_wanted:
                return
            found = self._read_group(group_id)
            try:
                if found is None:
                    if before is not None:
                        self._client.delete_policy(before["id"], before["revision"])
                    return
                if self._write(group_policy(*found), before):
                    return
            except ApiError as error:
                if error.code not in ("revision-mismatch", "conflict", "not-found"):
                    raise
        raise RomanaConflict(what=f"write the policy of security group {group_id}", reason="others write it, too")

    def _write(self, spec: dict[str, Any], before: Mapping[str, Any] | None) -> bool:
        """True when it was there already as it should be; else who has written it looks again."""
        unsaid = unsaid_of(spec)
        try:
            return self._put(spec, before)
        except ApiError as error:
            if error.code != "invalid-input":
                raise
            LOG.error("Policy %s is refused, and the group allows nothing: %s", spec["id"], error)
            return self._put(closed_group_policy(spec["id"][len(GROUP_PREFIX) :], str(error)), before)
        finally:
            if unsaid is not None:
                LOG.warning("Policy %s lacks rules that cannot be said: %s", spec["id"], unsaid)

    def _put(self, spec: dict[str, Any], before: Mapping[str, Any] | None) -> bool:
        if before is None:
            self._client.create_policy(spec)
            return False
        revision = int(before["revision"])
        return self._client.replace_policy(spec, revision) == revision
