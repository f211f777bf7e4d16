"""Which segment a class of ports has among those that a word names."""

import pytest

from networking_romana.client import ApiError
from networking_romana.errors import RomanaConflict
from networking_romana.port_class import UNFILTERED, PortClass
from networking_romana.segments import Segments
from networking_romana.tenants import Tenants
from networking_romana.wish import Wish
from unit.fake_client import FakeClient, endpoints_of

WEB, DB = PortClass(frozenset({"g-web"})), PortClass(frozenset({"g-db", "g-web"}))


@pytest.fixture
def client():
    client = FakeClient()
    client.create_tenant({"name": "shop", "externalId": "shop", "labels": {}})
    return client


@pytest.fixture
def segments(client):
    return Segments(client, Tenants(client), lambda: client._call("fixed"))


def test_the_first_class_has_the_name_of_the_word_and_others_one_of_their_own(segments):
    assert segments.birth("shop", "web", WEB) == "web"
    other = segments.birth("shop", "web", DB)
    assert other.startswith("web.")
    assert segments.birth("shop", "web", UNFILTERED) not in ("web", other)
    assert (segments.birth("shop", "web", WEB), segments.birth("shop", "web", DB)) == ("web", other)
    assert segments.birth("shop", "cache", DB) == "cache"


def test_labels_say_word_and_groups(segments):
    assert segments.of_class("shop", "web", DB)["labels"] == {
        "openstack.org/made-by": "neutron",
        "openstack.org/segment": "web",
        "openstack.org/port-security": "on",
        "sg.openstack.org/g-db": "",
        "sg.openstack.org/g-web": "",
    }
    assert segments.of_class("shop", "web", UNFILTERED)["labels"]["openstack.org/port-security"] == "off"


def test_no_groups_are_not_the_same_as_no_port_security():
    assert PortClass(frozenset()).external_id("web") != UNFILTERED.external_id("web")
    assert PortClass(frozenset({"off"})).external_id("web") != UNFILTERED.external_id("web")


def test_names_of_classes_are_names_of_segments():
    assert len(WEB.name("w" * 63)) == 63


def test_what_is_open_otherwise_is_closed_before_the_first_segment(client, segments):
    segments.of_class("shop", "web", WEB)
    names = [call[0] for call in client.calls]
    assert names.index("fixed") < names.index("create_segment")


def test_a_segment_of_an_operator_becomes_that_of_the_first_class(client, segments):
    mine = {"tenant": "shop", "name": "web", "codes": ["3"], "labels": {"tier": "front"}, "revision": 7}
    client.tenant_segments["shop"]["web"] = mine
    assert segments.birth("shop", "web", WEB) == "web"
    labels = client.tenant_segments["shop"]["web"]["labels"]
    assert labels["tier"] == "front"
    assert "sg.openstack.org/g-web" in labels
    assert segments.birth("shop", "web", DB).startswith("web.")


def test_a_segment_that_says_something_else_is_left_alone(client, segments):
    mine = {"tenant": "shop", "name": "web", "codes": ["3"], "externalId": "mine", "labels": {}, "revision": 7}
    client.tenant_segments["shop"]["web"] = mine
    assert segments.birth("shop", "web", WEB).startswith("web.")
    assert client.tenant_segments["shop"]["web"] is mine


def test_a_name_that_somebody_else_has_is_refused(client, segments):
    for name in ("web", WEB.name("web")):
        client.tenant_segments["shop"][name] = {"name": name, "externalId": "mine", "codes": []}
    with pytest.raises(RomanaConflict, match="somebody else's"):
        segments.of_class("shop", "web", WEB)


def test_codes_that_nothing_uses_are_given_to_the_next(client, segments):
    client.most_codes = 1
    segments.of_class("shop", "web", WEB)
    assert segments.of_class("shop", "web", DB)["codes"] != []
    assert "web" not in client.tenant_segments["shop"]


def test_without_codes_ports_are_born_in_their_word_and_act_as_their_class(client):
    client.most_codes = 1
    endpoints = endpoints_of(client, lambda *_: None)
    first, _ = endpoints.allocate("net", Wish("p1", "shop", "host-a", "web", WEB), lambda _: True, lambda _: False)
    other, _ = endpoints.allocate("net", Wish("p2", "shop", "host-a", "web", DB), lambda _: True, lambda _: False)
    assert (first.segment, first.acts_as) == ("web", None)
    assert (other.segment, other.acts_as) == ("web", DB.name("web"))
    with pytest.raises(ApiError, match="pool-exhausted"):
        endpoints._segments.birth("shop", "db", DB)


def test_an_endpoint_in_a_segment_that_is_another_class_by_now_acts_as_its_own(client):
    """One worker remembers a segment that another one has deleted and made again for others."""
    endpoints = endpoints_of(client, lambda *_: None)
    endpoints._segments.of_class("shop", "web", WEB)
    client.tenant_segments["shop"].clear()
    Segments(client, Tenants(client), lambda: None).of_class("shop", "web", DB)
    endpoint, _ = endpoints.allocate("net", Wish("p1", "shop", "host-a", "web", WEB), lambda _: True, lambda _: False)
    acting = client.tenant_segments["shop"][endpoint.acts_as or endpoint.segment]
    assert acting["externalId"] == WEB.external_id("web")
