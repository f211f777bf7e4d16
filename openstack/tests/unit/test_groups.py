"""Policies follow groups, whoever else writes them at the same time."""

import pytest

from networking_romana.client import ApiError
from networking_romana.groups import Groups
from unit.fake_client import problem

GROUP = {"id": "g1", "name": "web", "security_group_rules": []}
RULE = {"id": "r1", "direction": "ingress", "ethertype": "IPv4"}
ID = "neutron.group.g1"


class Policies:
    def __init__(self):
        self.held = {}
        self.revision = 0
        self.refused = None

    def policy(self, policy_id):
        return self.held.get(policy_id)

    def create_policy(self, spec):
        self._check(spec)
        if spec["id"] in self.held:
            raise problem(409, "conflict")
        self._put(spec)

    def replace_policy(self, spec, revision):
        self._check(spec)
        before = self.held.get(spec["id"])
        if before is None or before["revision"] != revision:
            raise problem(412, "revision-mismatch")
        if {**spec, "revision": revision} != before:
            self._put(spec)
        return self.held[spec["id"]]["revision"]

    def delete_policy(self, policy_id, revision):
        if self.held[policy_id]["revision"] != revision:
            raise problem(412, "revision-mismatch")
        del self.held[policy_id]

    def _check(self, spec):
        if self.refused is not None and self.refused(spec):
            raise problem(422, "invalid-input")

    def _put(self, spec):
        self.revision += 1
        self.held[spec["id"]] = {**spec, "revision": self.revision}


def scene(*answers):
    """``answers``: what Neutron says of the group, one after another, the last one for good."""
    left = list(answers)
    policies = Policies()

    def read(_group_id):
        group = left.pop(0) if len(left) > 1 else left[0]
        return None if group is None else (group, {})

    return policies, Groups(policies, read)


def with_rules(*rules):
    return {**GROUP, "security_group_rules": list(rules)}


def names(policies):
    return [rule["name"] for rule in policies.held[ID]["rules"]]


def test_a_group_of_no_port_has_no_policy():
    policies, groups = scene(GROUP)
    groups.follow("g1")
    assert policies.held == {}


def test_a_change_between_a_look_at_the_group_and_the_first_policy_is_not_lost():
    policies, groups = scene(with_rules(RULE), with_rules())
    groups.ensure(["g1"])
    assert names(policies) == []


def test_a_policy_goes_with_its_group():
    policies, groups = scene(with_rules(RULE), with_rules(RULE), None)
    groups.ensure(["g1"])
    assert names(policies) == ["r1"]
    groups.follow("g1")
    assert policies.held == {}


def test_a_group_that_goes_while_its_policy_is_made_leaves_none():
    policies, groups = scene(with_rules(RULE), None)
    groups.ensure(["g1"])
    assert policies.held == {}


def test_who_reads_an_older_group_does_not_have_the_last_word():
    policies, groups = scene(GROUP)
    groups.ensure(["g1"])
    slow = Groups(policies, lambda _group_id: (read_slowly(), {}))
    answers = [with_rules(RULE), with_rules()]

    def read_slowly():
        group = answers.pop(0) if len(answers) > 1 else answers[0]
        if len(answers) == 1 and group["security_group_rules"]:
            Groups(policies, lambda _group_id: ({**GROUP, "name": "other"}, {})).follow("g1")
        return group

    slow.follow("g1")
    assert names(policies) == []


def test_a_group_that_romanad_refuses_allows_nothing_more():
    policies, groups = scene(with_rules(RULE))
    groups.ensure(["g1"])
    policies.refused = lambda spec: spec["rules"] != []
    groups.follow("g1")
    assert names(policies) == []


def test_romanad_away_is_told():
    policies, groups = scene(with_rules(RULE))
    policies.refused = lambda _spec: (_ for _ in ()).throw(problem(503, "unavailable"))
    with pytest.raises(ApiError):
        groups.ensure(["g1"])
    policies.refused = None
    groups.ensure(["g1"])
    assert names(policies) == ["r1"]


def test_the_fixed_policies_are_put_right_once():
    policies, groups = scene(GROUP)
    policies.held["neutron.closed"] = {"id": "neutron.closed", "rules": [], "revision": 1}
    groups.ensure_fixed()
    assert policies.held["neutron.closed"]["rules"] != []
    assert len(policies.held) == 3
    policies.held.clear()
    groups.ensure_fixed()
    assert policies.held == {}
