import dataclasses
import json

import pytest

from networking_romana.group_policies import fixed_policies
from networking_romana.plug import Plug
from networking_romana.port_class import PortClass
from networking_romana.sync import difference as kinds
from networking_romana.sync.compare import compare
from networking_romana.sync.neutron_state import Network, NeutronState, Port
from networking_romana.sync.policies import wanted_policies
from networking_romana.sync.restore import restoration
from networking_romana.sync.romana_state import romana_state

LABELS = {"openstack.org/made-by": "neutron"}
PLAN = {
    "prefix": "10.0.0.0/8",
    "hostBits": 8,
    "tenantBits": 8,
    "segmentBits": 4,
    "endpointBits": 4,
    "strideBits": 0,
}
NETWORKS = [{"name": "seed", "plans": {"ipv4": PLAN}}]
HOSTS = [{"name": f"host-{n}", "prefixes": {"seed": {"ipv4": f"10.{n}.0.0/16"}}} for n in (1, 2)]
ON = PortClass(frozenset(["group-1"]))
NETWORK = Network("net-1", "project-1", "web", (), "romana")
PORT = Port("port-1", "project-1", "net-1", "host-1", ("10.1.1.17",), "web", True, ON)
TENANT = {"name": "project-1", "id": 1, "externalId": "project-1", "labels": LABELS, "revision": 1}


def segment(word, name=None, codes=("1",), port_class=ON):
    labels = {**LABELS, **port_class.labels(word)}
    spec = {"name": name or word, "externalId": port_class.external_id(word), "codes": list(codes), "labels": labels}
    return {"tenant": "project-1", **spec, "revision": 2}


SEGMENT = segment("web")
ENDPOINT = {
    "network": "seed",
    "host": "host-1",
    "tenant": "project-1",
    "segment": "web",
    "addresses": {"ipv4": "10.1.1.17"},
    "externalId": "port-1",
    "requestToken": "neutron/port-1.host-1",
    "name": "port-1.host-1",
    "revision": 3,
}
PLUG = {"tap": {"device": "tap-1", "mac": "m"}, "instance": "vm"}


def neutron(*ports, networks=(NETWORK,)):
    return NeutronState({n.id: n for n in networks}, {"sub-1": "seed"}, {port.id: port for port in ports})


def romana(*endpoints, tenants=(TENANT,), segments=(SEGMENT,), policies=()):
    stored = [{**spec, "revision": 9} for spec in (*fixed_policies(), *policies)]
    return romana_state(NETWORKS, list(tenants), list(segments), list(endpoints), stored)


def port(**changes):
    return dataclasses.replace(PORT, **changes)


@pytest.mark.parametrize(
    ("ports", "endpoints", "expected"),
    [
        ([PORT], [ENDPOINT], []),
        ([PORT], [], [(kinds.ADDRESS_MISSING, "10.1.1.17")]),
        ([], [ENDPOINT], [(kinds.ADDRESS_LEFT, "10.1.1.17")]),
        ([port(addresses=())], [ENDPOINT], [(kinds.ADDRESS_LEFT, "10.1.1.17")]),
        ([], [{**ENDPOINT, "requestToken": "cni/x"}], []),
        ([PORT], [{**ENDPOINT, "externalId": "x", "requestToken": "cni/x"}], [(kinds.ADDRESS_TAKEN, "10.1.1.17")]),
        ([port(host="host-2")], [ENDPOINT], [(kinds.HOST_DIFFERS, "10.1.1.17")]),
        ([port(host="host-2")], [{**ENDPOINT, "locatedOn": "host-2"}], []),
        ([port(host="host-3")], [{**ENDPOINT, "locatedOn": "host-2"}], [(kinds.HOST_DIFFERS, "10.1.1.17")]),
        ([PORT], [{**ENDPOINT, "locatedOn": "host-2"}], [(kinds.LOCATION_DIFFERS, "10.1.1.17")]),
        ([port(host="", is_deferred=False)], [ENDPOINT], []),
        ([port(host="")], [ENDPOINT], [(kinds.ADDRESS_KEPT, "port-1")]),
        ([port(segment="db")], [ENDPOINT], [(kinds.SEGMENT_DIFFERS, "10.1.1.17")]),
        ([port(segment="db")], [{**ENDPOINT, "actsAs": "db"}], []),
        ([port(port_class=PortClass(None))], [ENDPOINT], [(kinds.SEGMENT_DIFFERS, "10.1.1.17")]),
        ([port(port_class=PortClass(None))], [{**ENDPOINT, "actsAs": "web.off"}], []),
        ([port(plug=Plug(("tap-1", "m"), "vm"))], [ENDPOINT], [(kinds.FIELDS_DIFFER, "10.1.1.17")]),
        ([port(plug=Plug(("tap-1", "m"), "vm"))], [{**ENDPOINT, **PLUG}], []),
        ([PORT], [{**ENDPOINT, **PLUG}], [(kinds.FIELDS_DIFFER, "10.1.1.17")]),
        ([port(segment=None)], [ENDPOINT], [(kinds.SEGMENT_UNKNOWN, "port-1")]),
    ],
)
def test_ports_and_endpoints(ports, endpoints, expected):
    others = [segment("db", codes=["2"]), segment("web", "web.off", ["3"], PortClass(None))]
    segments = [{**it, "labels": {}} for it in (SEGMENT, *others)]
    assert [it.key for it in compare(neutron(*ports), romana(*endpoints, segments=segments))] == expected


def test_an_address_under_another_tenant_is_told():
    other = {**TENANT, "name": "other", "externalId": "other"}
    endpoint = {**ENDPOINT, "tenant": "other"}
    found = compare(neutron(PORT), romana(endpoint, tenants=[TENANT, {**other, "labels": {}}]))
    assert [it.kind for it in found] == [kinds.TENANT_DIFFERS]


@pytest.mark.parametrize(
    ("networks", "tenants", "segments", "expected"),
    [
        ([NETWORK], [TENANT], [SEGMENT], []),
        ([NETWORK], [], [], [(kinds.TENANT_MISSING, "project-1")]),
        ([dataclasses.replace(NETWORK, type="flat")], [], [], []),
        ([NETWORK], [TENANT, {**TENANT, "name": "b"}], [], [(kinds.TENANT_TWICE, "project-1")]),
        ([], [TENANT], [], [(kinds.TENANT_LEFT, "project-1")]),
        ([], [{**TENANT, "labels": {}}], [], []),
        ([NETWORK], [TENANT], [segment("old")], [(kinds.SEGMENT_LEFT, "project-1/old")]),
        ([NETWORK], [TENANT], [{**segment("old"), "labels": {}}], []),
        ([dataclasses.replace(NETWORK, tags=("romana.segment=old",))], [TENANT], [segment("old")], []),
    ],
)
def test_projects_tenants_and_segments(networks, tenants, segments, expected):
    found = compare(neutron(networks=networks), romana(tenants=tenants, segments=segments))
    assert [it.key for it in found] == expected


GROUP = {
    "id": "group-1",
    "name": "web",
    "security_group_rules": [
        {
            "id": "rule-1",
            "direction": "ingress",
            "ethertype": "IPv4",
            "protocol": "tcp",
            "port_range_min": 80,
            "port_range_max": 80,
            "remote_address_group_id": "addresses-1",
        }
    ],
}


@pytest.mark.parametrize(
    ("groups", "addresses", "stored", "expected"),
    [
        ([GROUP], ["192.0.2.1/32"], ["192.0.2.1/32"], []),
        ([GROUP], ["192.0.2.1/32"], None, [(kinds.POLICY_MISSING, "neutron.group.group-1")]),
        ([GROUP], ["192.0.2.1/32"], ["192.0.2.2/32"], [(kinds.POLICY_DIFFERS, "neutron.group.group-1")]),
        ([GROUP], ["192.0.2.1/32"], [], [(kinds.POLICY_DIFFERS, "neutron.group.group-1")]),
        ([], [], ["192.0.2.1/32"], [(kinds.POLICY_LEFT, "neutron.group.group-1")]),
        ([{**GROUP, "id": "unused"}], [], None, []),
    ],
)
def test_security_groups_and_policies(groups, addresses, stored, expected):
    def policies(of, words):
        found = wanted_policies(of, [{"id": "addresses-1", "addresses": words}]).values()
        return json.loads(json.dumps(list(found)).replace('"protocol": 6', '"protocol": "tcp"'))

    state = dataclasses.replace(
        neutron(PORT), policies=wanted_policies(groups, [{"id": "addresses-1", "addresses": addresses}])
    )
    there = [] if stored is None else policies([GROUP], stored)
    assert [it.key for it in compare(state, romana(ENDPOINT, policies=there))] == expected


def test_a_lost_endpoint_is_asked_for_with_what_its_address_says():
    plan = restoration([(PORT, "10.1.1.17")], romana(tenants=[], segments=[]), HOSTS)
    assert plan.tenants == ({"name": "project-1", "id": 1, "externalId": "project-1", "labels": LABELS},)
    assert plan.segments == (("project-1", {key: SEGMENT[key] for key in ("name", "externalId", "codes", "labels")}),)
    assert plan.growths == ()
    wanted = {key: ENDPOINT[key] for key in ("network", "host", "tenant", "segment", "name", "requestToken")}
    assert plan.endpoints == ({**wanted, "address": "10.1.1.17", "externalId": "port-1"},)
    assert plan.refused == {}


def test_a_code_that_nobody_owns_is_given_to_the_segment_that_most_ports_name():
    ports = [port(id=f"port-{n}", segment=word) for n, word in enumerate(["db", "web", "web"])]
    missing = [(p, f"10.1.1.{33 + n}") for n, p in enumerate(ports)]
    plan = restoration(missing, romana(), HOSTS)
    assert [(g.name, g.codes, g.revision) for g in plan.growths] == [("web", ("1", "2"), 2)]
    assert {e["segment"] for e in plan.endpoints} == {"web"}


def test_each_class_gets_a_segment_of_its_own():
    ports = [port(id=f"port-{n}", port_class=PortClass(g)) for n, g in enumerate([frozenset(["a"]), None])]
    missing = [(p, f"10.1.1.{17 + 16 * n}") for n, p in enumerate(ports)]
    plan = restoration(missing, romana(segments=[]), HOSTS)
    names = ["web", PortClass(None).name("web")]
    assert [(spec["name"], spec["codes"]) for _, spec in plan.segments] == [(names[0], ["1"]), (names[1], ["2"])]
    assert [e["segment"] for e in plan.endpoints] == names


@pytest.mark.parametrize(
    ("address", "changes", "reason"),
    [
        ("10.9.1.17", {}, "it belongs to no host of Romana"),
        ("192.0.2.1", {}, "it belongs to no host of Romana"),
        ("10.1.1.33", {"segment": None}, "no segment has its code 2, and no port with it names one"),
    ],
)
def test_what_cannot_be_restored_is_told(address, changes, reason):
    plan = restoration([(port(**changes), address)], romana(), HOSTS)
    assert (plan.endpoints, plan.refused) == ((), {address: reason})
