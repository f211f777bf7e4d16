"""What becomes of each kind of rule of a security group."""

import pytest

from networking_romana.group_policies import closed_group_policy, fixed_policies, group_policy, unsaid_of

ANY4 = {"family": 4}


def rule(**fields):
    return {
        "id": "r1",
        "direction": "ingress",
        "ethertype": "IPv4",
        "protocol": None,
        "port_range_min": None,
        "port_range_max": None,
        "remote_ip_prefix": None,
        "remote_group_id": None,
        "remote_address_group_id": None,
        **fields,
    }


def policy(*rules, stateful=True, address_groups=None):
    group = {"id": "g1", "name": "web", "stateful": stateful, "security_group_rules": list(rules)}
    return group_policy(group, address_groups or {})


@pytest.mark.parametrize(
    ("fields", "traffic"),
    [
        ({}, ANY4),
        ({"ethertype": "IPv6"}, {"family": 6}),
        ({"protocol": "any"}, ANY4),
        ({"protocol": "0"}, ANY4),
        ({"protocol": "tcp"}, {"family": 4, "protocol": 6}),
        ({"protocol": "6"}, {"family": 4, "protocol": 6}),
        ({"protocol": "esp"}, {"family": 4, "protocol": 50}),
        ({"protocol": "253"}, {"family": 4, "protocol": 253}),
        ({"protocol": "dccp"}, {"family": 4, "protocol": 33}),
        (
            {"protocol": "tcp", "port_range_min": 80, "port_range_max": 80},
            {"family": 4, "protocol": 6, "ports": {"first": 80, "last": 80}},
        ),
        (
            {"protocol": "udp", "ethertype": "IPv6", "port_range_min": 1, "port_range_max": 9},
            {"family": 6, "protocol": 17, "ports": {"first": 1, "last": 9}},
        ),
        ({"protocol": "icmp"}, {"family": 4, "protocol": 1}),
        ({"protocol": "icmp", "ethertype": "IPv6"}, {"family": 6, "protocol": 58}),
        ({"protocol": "1", "ethertype": "IPv6"}, {"family": 6, "protocol": 58}),
        ({"protocol": "ipv6-icmp", "ethertype": "IPv6"}, {"family": 6, "protocol": 58}),
        ({"protocol": "icmp", "port_range_min": 8}, {"family": 4, "protocol": 1, "icmp": {"type": 8}}),
        (
            {"protocol": "icmp", "port_range_min": 0, "port_range_max": 0},
            {"family": 4, "protocol": 1, "icmp": {"type": 0, "code": 0}},
        ),
    ],
)
def test_traffic(fields, traffic):
    (said,) = policy(rule(**fields))["rules"]
    assert said["traffic"] == [traffic]
    assert said["verdict"] == "accept"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"protocol": "dccp", "port_range_min": 1, "port_range_max": 2}, "ports of protocol dccp"),
        ({"protocol": "hopopt"}, "protocol hopopt"),
        ({"protocol": "new"}, "protocol new"),
        ({"protocol": "256"}, "protocol 256"),
        ({"protocol": "tcp", "port_range_min": 5}, "ports 5 to None"),
        ({"protocol": "tcp", "port_range_min": 5, "port_range_max": 4}, "ports 5 to 4"),
        ({"port_range_min": 5, "port_range_max": 5}, "ports of no protocol"),
        ({"protocol": "icmp", "port_range_min": 255}, "ICMP type 255 code None"),
        ({"protocol": "icmp", "port_range_max": 3}, "ICMP type None code 3"),
        ({"ethertype": "ARP"}, "ethertype ARP"),
        ({"direction": "both"}, "direction both"),
        ({"remote_ip_prefix": "fd00::/8"}, "prefix fd00::/8 of the other family"),
        ({"remote_ip_prefix": "10.0.0.0/8", "remote_group_id": "g2"}, "several remotes"),
    ],
)
def test_what_cannot_be_said_allows_nothing_and_is_told(fields, reason):
    made = policy(rule(**fields))
    assert made["rules"] == []
    assert unsaid_of(made) == f"r1 ({reason})"


def test_what_can_be_said_tells_nothing():
    assert unsaid_of(policy(rule())) is None


@pytest.mark.parametrize(
    ("fields", "peers"),
    [
        ({}, [{"kind": "any"}]),
        ({"remote_ip_prefix": "10.1.2.3/8"}, [{"kind": "prefix", "prefix": "10.0.0.0/8"}]),
        (
            {"remote_address_group_id": "a"},
            [{"kind": "prefix", "prefix": "10.0.0.0/8"}, {"kind": "prefix", "prefix": "192.0.2.1/32"}],
        ),
        (
            {"remote_address_group_id": "a", "ethertype": "IPv6"},
            [{"kind": "prefix", "prefix": "2001:db8::/32"}],
        ),
        ({"remote_address_group_id": "empty"}, []),
        (
            {"remote_group_id": "g2"},
            [
                {
                    "kind": "endpoints",
                    "segment": {
                        "by": "labels",
                        "requirements": [{"key": "sg.openstack.org/g2", "operator": "Exists"}],
                    },
                }
            ],
        ),
    ],
)
def test_peers(fields, peers):
    addresses = {"a": ["192.0.2.1/32", "2001:db8::/32", "10.0.0.0/8"], "empty": []}
    (said,) = policy(rule(**fields), address_groups=addresses)["rules"]
    assert said["peers"] == peers


def test_the_policy_is_that_of_whoever_carries_the_label_of_the_group():
    made = policy(rule(direction="egress"), stateful=False)
    assert made["id"] == "neutron.group.g1"
    assert made["appliedTo"] == [
        {
            "kind": "endpoints",
            "segment": {"by": "labels", "requirements": [{"key": "sg.openstack.org/g1", "operator": "Exists"}]},
        }
    ]
    assert [(r["direction"], r["stateful"]) for r in made["rules"]] == [("egress", False)]


def test_many_rules_that_cannot_be_said_are_told_briefly():
    rules = [rule(id=f"r{number:03}", protocol="hopopt") for number in range(200)]
    made = policy(*rules)
    assert len(made["description"]) < 2000
    assert unsaid_of(made).endswith(", 190 more")


def test_a_group_that_is_refused_allows_nothing():
    made = closed_group_policy("g1", "too\nlong")
    assert (made["id"], made["rules"]) == ("neutron.group.g1", [])
    assert made["description"].endswith("too long")


def test_what_no_group_allows_is_dropped_last():
    by_id = {made["id"]: made for made in fixed_policies()}
    closed = by_id["neutron.closed"]
    assert {(r["direction"], r["verdict"]) for r in closed["rules"]} == {("ingress", "drop"), ("egress", "drop")}
    assert all(made["order"] < closed["order"] for made in by_id.values() if made is not closed)
