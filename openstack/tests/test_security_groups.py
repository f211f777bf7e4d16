"""Who may talk to whom is what Neutron's security groups say: asked of romanad's policies, with a slow twin beside."""

import random

import pytest
from rig.cloud import addresses
from rig.group_twin import allows
from rig.processes import until
from rig.why import verdicts

OUTSIDE = "203.0.113.7"


def group(project, name, *rules, **more):
    made = project.send("POST", "security-groups", {"security_group": {"name": name, **more}}).ok()["security_group"]
    for rule in made["security_group_rules"]:
        project.send("DELETE", f"security-group-rules/{rule['id']}").ok()
    for rule in rules:
        add(project, made, **rule)
    return made["id"]


def add(project, group_id, **rule):
    owner = group_id if isinstance(group_id, str) else group_id["id"]
    body = {"security_group_id": owner, "direction": "ingress", "ethertype": "IPv4", **rule}
    return project.send("POST", "security-group-rules", {"security_group_rule": body}).ok()["security_group_rule"]["id"]


def tcp(port, **more):
    return {"protocol": "tcp", "port_range_min": port, "port_range_max": port, **more}


ALL_OUT = {"direction": "egress"}


def asks(cloud, *flows):
    """For each flow of (source, destination, port) whether TCP passes."""
    return verdicts(cloud.romanad, [(source, destination, 6, port, None, None) for source, destination, port in flows])


def setup_pair(project, network, first, second, host="host-a"):
    one, other = (project.boot(network, host, security_groups=groups) for groups in (first, second))
    return one, other, addresses(one)[0], addresses(other)[0]


@pytest.fixture
def network(project):
    return project.network("web")


def test_the_default_group_lets_its_members_talk_and_nobody_else_in(cloud, project, network):
    one, other = addresses(project.boot(network, "host-a"))[0], addresses(project.boot(network, "host-b"))[0]
    shut = addresses(project.boot(network, "host-a", security_groups=[]))[0]
    flows = [(one, other, 80), (shut, other, 80), (one, shut, 80), (OUTSIDE, one, 80), (one, OUTSIDE, 80)]
    assert asks(cloud, *flows) == [True, False, False, False, True]


def test_rules_that_come_and_go(cloud, project, network):
    web, db = group(project, "web", ALL_OUT), group(project, "db", ALL_OUT)
    _, _, a, b = setup_pair(project, network, [web], [db])
    assert asks(cloud, (a, b, 5432)) == [False]
    rule = add(project, db, **tcp(5432, remote_group_id=web))
    assert asks(cloud, (a, b, 5432), (b, a, 5432), (a, b, 5433), (OUTSIDE, b, 5432)) == [True, False, False, False]
    project.send("DELETE", f"security-group-rules/{rule}").ok()
    assert asks(cloud, (a, b, 5432)) == [False]


def test_egress_is_shut_unless_a_rule_lets_it_out(cloud, project, network):
    open_in, out = group(project, "in", {}), group(project, "out", {**tcp(443), "direction": "egress"})
    _, _, a, b = setup_pair(project, network, [open_in], [open_in, out])
    assert asks(cloud, (a, b, 443), (b, a, 443), (b, a, 80)) == [False, True, False]


def test_groups_of_a_port_that_change(cloud, project, network):
    web, db = group(project, "web", ALL_OUT), group(project, "db", ALL_OUT, tcp(5432))
    one, other, a, b = setup_pair(project, network, [web], [web])
    assert asks(cloud, (a, b, 5432)) == [False]
    project.send("PUT", f"ports/{other['id']}", {"port": {"security_groups": [web, db]}}).ok()
    assert asks(cloud, (a, b, 5432)) == [True]
    assert addresses(project.port(other)) == [b]
    project.send("PUT", f"ports/{other['id']}", {"port": {"security_groups": [web]}}).ok()
    assert asks(cloud, (a, b, 5432)) == [False]
    assert [e for e in cloud.romanad.endpoints() if "actsAs" in e] == []
    project.send("PUT", f"ports/{one['id']}", {"port": {"security_groups": []}}).ok()
    assert asks(cloud, (a, OUTSIDE, 80)) == [False]


def test_port_security_off_lets_all_pass(cloud, project, network):
    one = project.boot(network, "host-a", security_groups=[])
    other = project.boot(network, "host-a")
    a, b = addresses(one)[0], addresses(other)[0]
    assert asks(cloud, (OUTSIDE, a, 1), (a, OUTSIDE, 1)) == [False, False]
    change = {"port_security_enabled": False, "security_groups": []}
    project.send("PUT", f"ports/{one['id']}", {"port": change}).ok()
    assert asks(cloud, (OUTSIDE, a, 1), (a, OUTSIDE, 1), (a, b, 1)) == [True, True, False]
    project.send("PUT", f"ports/{one['id']}", {"port": {"port_security_enabled": True}}).ok()
    assert asks(cloud, (OUTSIDE, a, 1), (a, OUTSIDE, 1)) == [False, False]


def test_a_host_that_is_there_from_the_start(cloud, project, network):
    """Neutron asks for the address before it has filled in the default group."""
    body = {"network_id": network["id"], "project_id": project.id, "binding:host_id": "host-a"}
    one = project.admin("POST", "ports", {"port": body}).ok()["port"]
    other = project.boot(network, "host-b")
    a, b = addresses(one)[0], addresses(other)[0]
    assert asks(cloud, (a, b, 80), (b, a, 80), (OUTSIDE, a, 80)) == [True, True, False]
    assert [e["segment"] for e in cloud.romanad.endpoints()] == ["web", "web"]
    assert one["binding:vif_details"]["port_filter"] is True


def test_a_group_of_another_project(cloud, project, network):
    shared = group(project, "shared", ALL_OUT, {"remote_group_id": None, **tcp(80)})
    guest = cloud.project(f"{project.id[:31]}0" if project.id[31] != "0" else f"{project.id[:31]}1", "guest")
    try:
        rbac = {"object_type": "security_group", "object_id": shared, "action": "access_as_shared"}
        project.send("POST", "rbac-policies", {"rbac_policy": {**rbac, "target_tenant": guest.id}}).ok()
        theirs = addresses(guest.boot(guest.network("web"), "host-b", security_groups=[shared]))[0]
        ours = addresses(project.boot(network, "host-a", security_groups=[shared]))[0]
        assert asks(cloud, (ours, theirs, 80), (theirs, ours, 80), (ours, theirs, 81)) == [True, True, False]
        add(project, shared, **tcp(81, remote_group_id=shared))
        assert asks(cloud, (ours, theirs, 81), (OUTSIDE, theirs, 81)) == [True, False]
    finally:
        guest.purge()


def test_address_groups(cloud, project, network):
    made = project.send(
        "POST", "address-groups", {"address_group": {"name": "office", "addresses": ["203.0.113.0/24"]}}
    )
    office = made.ok()["address_group"]["id"]
    web = group(project, "web", ALL_OUT, tcp(80, remote_address_group_id=office))
    a = addresses(project.boot(network, "host-a", security_groups=[web]))[0]
    assert asks(cloud, (OUTSIDE, a, 80), ("198.51.100.200", a, 80)) == [True, False]
    project.send("PUT", f"address-groups/{office}/add_addresses", {"addresses": ["198.51.100.200/32"]}).ok()
    assert asks(cloud, ("198.51.100.200", a, 80)) == [True]
    project.send("PUT", f"address-groups/{office}/remove_addresses", {"addresses": ["203.0.113.0/24"]}).ok()
    assert asks(cloud, (OUTSIDE, a, 80), ("198.51.100.200", a, 80)) == [False, True]


def test_a_group_that_is_deleted_takes_policy_and_segments_along(cloud, project, network):
    web, other = group(project, "web", ALL_OUT), group(project, "other", ALL_OUT)
    add(project, other, **tcp(80, remote_group_id=web))
    one, _, _, _ = setup_pair(project, network, [web], [other])
    policy = lambda name: cloud.romanad.api.send("GET", f"/v1/policies/neutron.group.{name}")  # noqa: E731
    assert len(policy(other).ok()["rules"]) == 2
    project.delete(one)
    project.send("DELETE", f"security-groups/{web}").ok()
    assert policy(web).status == 404
    assert len(policy(other).ok()["rules"]) == 1
    segments = cloud.romanad.items(f"/v1/tenants/{project.id}/segments")
    assert len(segments) == 1


def test_a_rule_that_cannot_be_said_is_told(cloud, project, network):
    web = group(project, "web", {"protocol": "dccp", "port_range_min": 5, "port_range_max": 6})
    project.boot(network, "host-a", security_groups=[web])
    policy = cloud.romanad.api.send("GET", f"/v1/policies/neutron.group.{web}").ok()
    assert policy["rules"] == []
    assert "ports of protocol dccp" in policy["description"]


def test_while_romanad_is_away_groups_of_ports_stay_and_rules_are_made_up_for(cloud, project, network):
    web, db = group(project, "web", ALL_OUT), group(project, "db", ALL_OUT, tcp(5432))
    one, _, a, b = setup_pair(project, network, [web], [db])
    cloud.romanad.stop()
    try:
        reply = cloud.nova.send("PUT", f"/v2.0/ports/{one['id']}", {"port": {"security_groups": [db]}})
        rule = {"security_group_id": db, "direction": "ingress", "ethertype": "IPv4", **tcp(5433)}
        cloud.nova.send("POST", "/v2.0/security-group-rules", {"security_group_rule": rule}).ok()
    finally:
        cloud.romanad.start()
    assert reply.status == 503
    assert project.port(one)["security_groups"] == [web]
    until(lambda: asks(cloud, (a, b, 5433)) == [True], "the rule is enforced")
    assert asks(cloud, (b, a, 5432)) == [False]


@pytest.mark.parametrize("seed", range(3))
def test_random_groups_mean_what_neutron_means(cloud, project, seed):
    draw = random.Random(seed)
    network = project.network("both", "172.16.0.0/12", "fd00:10::/48")
    groups = [group(project, f"g{number}") for number in range(3)]
    for owner in groups:
        for rule in {repr(rule): rule for rule in (random_rule(draw, groups) for _ in range(5))}.values():
            body = {"security_group_id": owner, **rule}
            assert project.send("POST", "security-group-rules", {"security_group_rule": body}).status in (201, 409)
    ports = []
    for number in range(5):
        chosen = [g for g in groups if draw.random() < 0.5]
        more = {"port_security_enabled": False} if number == 4 else {"security_groups": chosen}
        ports.append(project.boot(network, draw.choice(["host-a", "host-b"]), **more))
    for port in ports[:2]:
        change = {"port": {"security_groups": [g for g in groups if draw.random() < 0.5]}}
        project.send("PUT", f"ports/{port['id']}", change).ok()
    rules = cloud.nova.send("GET", f"/v2.0/security-group-rules?project_id={project.id}").ok()["security_group_rules"]
    now = [project.port(port) for port in ports]
    everybody = [address for port in now for address in addresses(port)] + [OUTSIDE, "2001:db8::7", "198.51.100.200"]
    flows = []
    for source in everybody:
        for destination in everybody:
            if source != destination and (":" in source) == (":" in destination):
                flows += [(source, destination, *kind) for kind in kinds(draw, ":" in source)]
    expected = [allows(now, rules, flow) for flow in flows]
    assert verdicts(cloud.romanad, flows) == expected
    assert {True, False} <= set(expected)


def kinds(draw, is_ipv6):
    """Protocol, port, ICMP type and code."""
    icmp = 58 if is_ipv6 else 1
    every = [(6, 80, None, None), (6, 443, None, None), (17, 80, None, None), (132, 9, None, None)]
    every += [(47, None, None, None), (icmp, None, 8, 0), (icmp, None, 3, 1), (icmp, None, 0, 0)]
    return draw.sample(every, 4)


def random_rule(draw, groups):
    is_ipv6 = draw.random() < 0.4
    kind = draw.choice(
        [
            {},
            {"protocol": "tcp"},
            {"protocol": "tcp", "port_range_min": 80, "port_range_max": draw.choice([80, 500])},
            {"protocol": "udp", "port_range_min": 1, "port_range_max": 100},
            {"protocol": "icmp"},
            {"protocol": "icmp", "port_range_min": 8},
            {"protocol": "icmp", "port_range_min": 3, "port_range_max": 1},
            {"protocol": "47"},
            {"protocol": "sctp"},
        ]
    )
    prefixes = (
        ["::/0", "fd00:10::/48", "2001:db8::/32"] if is_ipv6 else ["0.0.0.0/0", "172.16.0.0/12", "203.0.113.0/24"]
    )
    remote = draw.choice([{}, {"remote_group_id": draw.choice(groups)}, {"remote_ip_prefix": draw.choice(prefixes)}])
    direction = draw.choice(["ingress", "egress"])
    return {"direction": direction, "ethertype": "IPv6" if is_ipv6 else "IPv4", **kind, **remote}
