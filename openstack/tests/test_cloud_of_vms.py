"""A cloud as a whole: 200 VMs of five projects on four hosts, with real agents and packets from guest to guest.

Nova's calls go to a real neutron-server; what security groups mean is said by a twin, which looks at each rule for
each flow.
"""

import dataclasses
import itertools
import random
import re
import time
import uuid

import pytest
from busy import in_parallel
from rig.cloud import Cloud
from rig.group_twin import allows
from rig.hosts import Hosts
from rig.mariadb import MariaDb
from rig.neutron_server import Neutron
from rig.nova import Nova
from rig.processes import until
from rig.romanad import NETWORKS, Romanad

VMS = 200
LATE_VMS = 100
HOSTS = 4
PAIRS = 60
KINDS = [(1, None), (6, 80), (6, 443), (6, 5432)]
PATIENCE = 180.0


@dataclasses.dataclass
class Site:
    cloud: Cloud
    hosts: Hosts
    nova: Nova


@dataclasses.dataclass
class Tenancy:
    """A project, the networks that its VMs are in, and the groups that go with each."""

    project: object
    places: list
    groups: dict


@pytest.fixture
def site(tmp_path):
    names = [f"host-{number}" for number in range(1, HOSTS + 1)]
    database = MariaDb(tmp_path).start()
    romanad = Romanad(tmp_path / "romanad").start()
    romanad.populate([network for network in NETWORKS if network["name"] == "seed"], names)
    neutron = Neutron(tmp_path, romanad.url, database.url)
    neutron.migrate()
    neutron.start()
    hosts = Hosts(tmp_path, HOSTS, romanad.directory / "romanad.sock")
    try:
        cloud = Cloud(romanad, neutron)
        yield Site(cloud, hosts.start(), Nova(cloud))
    finally:
        hosts.close()
        neutron.stop()
        romanad.stop()
        database.stop()


def test_a_cloud_of_vms(site):
    before = [(host.routes(), host.devices()) for host in site.hosts.all]
    tenancies = make_tenancies(site.cloud)
    plan = [tenancies[number % len(tenancies)] for number in range(VMS)]
    vms = boot_all(site, plan[:-LATE_VMS], itertools.count())
    addresses_say_where_vms_are(site, vms)
    hosts_are_right(site, vms, before)
    flows_follow_the_groups(site, vms)

    change_groups(site, tenancies, vms)

    vms += boot_while_an_agent_is_killed(site, plan[-LATE_VMS:], vms)
    addresses_say_where_vms_are(site, vms)
    hosts_are_right(site, vms, before)
    flows_follow_the_groups(site, vms, latest=LATE_VMS)

    in_parallel(site.nova.delete, vms)
    site.cloud.check()
    assert site.cloud.romanad.endpoints() == []
    hosts_are_right(site, [], before)
    for tenancy in tenancies:
        tenancy.project.purge()
    assert site.cloud.romanad.items("/v1/tenants") == []


def make_tenancies(cloud):
    """Two projects as they are without more ado, and three with groups of their own."""
    plain = [tenancy(cloud, f"plain-{number}", ["web"]) for number in (1, 2)]
    shop = tenancy(cloud, "shop", ["web", "db"])
    web = add_group(shop, "web", tcp(80), icmp(remote_ip_prefix="10.0.0.0/8"))
    db = add_group(shop, "db", tcp(5432, remote_group_id=web))
    shop.places = [(shop.places[0][0], [web]), (shop.places[1][0], [db])]
    edge = tenancy(cloud, "edge", ["front"])
    front = add_group(edge, "front", tcp(443, remote_ip_prefix="10.1.0.0/16"), icmp(remote_group_id="own"))
    edge.places = [(edge.places[0][0], [front])]
    closed = tenancy(cloud, "closed", ["inner"])
    out = [{**rule, "direction": "egress"} for rule in (tcp(80), icmp(remote_group_id="own"))]
    quiet = add_group(closed, "quiet", icmp(), tcp(5432), *out, is_open=False)
    closed.places = [(closed.places[0][0], [quiet])]
    return [*plain, shop, edge, closed]


def tenancy(cloud, name, networks):
    project = cloud.project(uuid.uuid4().hex, name)
    return Tenancy(project, [(project.network(network), []) for network in networks], {})


def add_group(owner, name, *rules, is_open=True):
    """A group that lets all out, if it is open, and what the rules say; ``own`` in a rule is the group itself."""
    send = owner.project.send
    made = send("POST", "security-groups", {"security_group": {"name": name}}).ok()["security_group"]
    owner.groups[name] = made["id"]
    if not is_open:
        for rule in made["security_group_rules"]:
            send("DELETE", f"security-group-rules/{rule['id']}").ok()
    for rule in rules:
        own = {"remote_group_id": made["id"]} if rule.get("remote_group_id") == "own" else {}
        add_rule(owner, made["id"], {**rule, **own})
    return made["id"]


def add_rule(owner, group_id, rule):
    body = {"security_group_id": group_id, "direction": "ingress", "ethertype": "IPv4", **rule}
    owner.project.send("POST", "security-group-rules", {"security_group_rule": body}).ok()


def tcp(port, **more):
    return {"protocol": "tcp", "port_range_min": port, "port_range_max": port, **more}


def icmp(**more):
    return {"protocol": "icmp", **more}


def boot_all(site, plan, numbers, on_each=lambda _: None):
    """A VM for each project of the plan, over its networks and all hosts in turn, and many at a time."""

    def boot(numbered):
        number, owner = numbered
        on_each(number)
        turn = number // (HOSTS * 5)
        network, groups = owner.places[turn % len(owner.places)]
        host = site.hosts.all[(number + number // HOSTS) % HOSTS]
        return site.nova.boot(str(uuid.uuid4()), owner.project, network, host, groups)

    numbered = list(zip(numbers, plan))
    # The very first query of a Neutron completes its models; many at once meet half of them and fail.
    vms = [boot(numbered[0]), *in_parallel(boot, numbered[1:])]
    site.cloud.check()
    return vms


def addresses_say_where_vms_are(site, vms):
    romanad = site.cloud.romanad
    hosts = {host["id"]: host["name"] for host in romanad.items("/v1/hosts")}
    tenants = {tenant["id"]: tenant for tenant in romanad.items("/v1/tenants")}
    words = {}
    for number, tenant in tenants.items():
        for segment in romanad.items(f"/v1/tenants/{tenant['name']}/segments"):
            words.update({(number, int(code)): segment["labels"]["openstack.org/segment"] for code in segment["codes"]})
    for vm in vms:
        host, tenant, code = site.cloud.decode(vm.address)
        said = (hosts[host], tenants[tenant]["externalId"], words[tenant, code])
        assert said == (vm.host.name, vm.project_id, vm.network), vm.address
    assert len({vm.address for vm in vms}) == len(vms)


def hosts_are_right(site, vms, before):
    """Each host has its own taps, with a lease, rules and a route each, and not a word about VMs of others."""
    for host, (routes, devices) in zip(site.hosts.all, before):
        own = {vm.tap: vm.address for vm in vms if vm.host is host}
        gateway = f"10.{host.number}.0.1"
        becomes(host.wired, own)
        becomes(lambda host=host: host.call("tell"), {tap: lease(address, gateway) for tap, address in own.items()})
        to_guests = [f"{address} dev {tap} scope link src {gateway}" for tap, address in own.items()]
        becomes(host.routes, sorted([*routes, *to_guests]))
        becomes(host.devices, sorted([*devices, *own]))
        becomes(lambda host=host: set(re.findall(r"\btap[0-9a-f-]{11}\b", host.ruleset())), set(own))
        until(host.is_well, f"{host.name} is well", PATIENCE)


def lease(address, gateway):
    return {"address": address, "mask": "255.255.255.255", "gateway": gateway}


def flows_follow_the_groups(site, vms, latest=0):
    """What guests hear is what the twin says; of both there is some."""
    flows, expected = judge(site, sample(vms, latest))
    assert expected.count(True) > len(flows) // 20
    assert expected.count(False) > len(flows) // 20
    packets_say(site, flows, expected)
    return flows, expected


def sample(vms, latest):
    """Pairs of all projects, half of them within one; with ``latest`` each begins or ends at one of the last ones."""
    draw = random.Random(len(vms))
    pairs = set()
    while len(pairs) < PAIRS:
        one = draw.choice(vms[-latest:])
        near = [vm for vm in vms if vm.project_id == one.project_id]
        other = draw.choice(near if len(pairs) % 2 else vms)
        if one is not other:
            pairs.add((one.tap, other.tap) if draw.random() < 0.5 else (other.tap, one.tap))
    by_tap = {vm.tap: vm for vm in vms}
    return [(by_tap[a], by_tap[b], *kind) for a, b in sorted(pairs) for kind in KINDS]


def judge(site, flows):
    """The flows and, for each, whether Neutron's groups let it pass."""
    nova = site.cloud.nova
    ports = nova.send("GET", "/v2.0/ports").ok()["ports"]
    rules = nova.send("GET", "/v2.0/security-group-rules").ok()["security_group_rules"]
    icmp_type = {1: (8, 0), 6: (None, None)}
    asked = [(a.address, b.address, protocol, port, *icmp_type[protocol]) for a, b, protocol, port in flows]
    return flows, [allows(ports, rules, flow) for flow in asked]


def packets_say(site, flows, expected):
    """A change takes a moment until it is everywhere."""
    print(f"{len(flows)} flows, {expected.count(True)} of them allowed")
    wanted = [(a.host.name, a.tap, b.address, *kind, ok) for (a, b, *kind), ok in zip(flows, expected)]
    becomes(lambda: [flow for flow, answered in zip(wanted, site.hosts.ask(wanted)) if answered != flow[-1]], [])


def becomes(look, wanted):
    """Polls; what it is at the end is told."""
    deadline = time.monotonic() + PATIENCE
    while (now := look()) != wanted and time.monotonic() < deadline:
        time.sleep(0.1)
    assert now == wanted


def change_groups(site, tenancies, vms):
    """Rules go and come, and some ports get another group; what passed is refused then, and the other way round."""
    plain, _, shop, edge, _ = tenancies
    flows, before = judge(site, sample(vms, 0))
    packets_say(site, flows, before)
    rules = site.cloud.nova.send("GET", "/v2.0/security-group-rules").ok()["security_group_rules"]
    for rule in rules:
        is_web = rule["security_group_id"] == shop.groups["web"] and rule["port_range_min"] == 80
        is_plain = rule["project_id"] == plain.project.id and rule["remote_group_id"] and rule["ethertype"] == "IPv4"
        if is_web or is_plain:
            plain.project.admin("DELETE", f"security-group-rules/{rule['id']}").ok()
    add_rule(edge, edge.groups["front"], tcp(80, remote_ip_prefix="10.2.0.0/15"))
    add_rule(shop, shop.groups["db"], tcp(443, remote_group_id=shop.groups["db"]))
    add_rule(shop, shop.groups["db"], icmp())
    for vm in [vm for vm in vms if vm.groups == [shop.groups["web"]]][::3]:
        body = {"port": {"security_groups": list(shop.groups.values())}}
        shop.project.send("PUT", f"ports/{vm.port_id}", body).ok()
    _, after = judge(site, flows)
    changes = set(zip(before, after))
    assert changes == {(True, True), (True, False), (False, True), (False, False)}
    packets_say(site, flows, after)


def boot_while_an_agent_is_killed(site, plan, vms):
    """VMs come while the agent of a host is dead, and those that were there go on."""
    victim = site.hosts.all[1]

    def on_each(number):
        if number == VMS - LATE_VMS + LATE_VMS // 3:
            victim.kill_agent()

    late = boot_all(site, plan, itertools.count(VMS - LATE_VMS), on_each)
    routes = "\n".join(victim.routes())
    assert [vm for vm in late if vm.host is victim and vm.tap not in routes] != []
    old = [vm for vm in vms if vm.host is victim][:5]
    flows, expected = judge(site, [(a, b, *kind) for a in old for b in vms[::9] if a is not b for kind in KINDS])
    packets_say(site, flows, expected)
    victim.start_agent()
    return late
