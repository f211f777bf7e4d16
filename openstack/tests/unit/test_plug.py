import dataclasses

import pytest

from networking_romana.plug import Plug, plug_in, plug_of
from networking_romana.wish import Wish
from unit.fake_client import FakeClient, endpoints_of

PORT = "6f1c2a9e-52d4-4e0b-9a37-1f6c0d9d8b11"
TAP = ("tap6f1c2a9e-52", "fa:16:3e:00:00:07")


@pytest.mark.parametrize(
    ("owner", "device", "mac", "expected"),
    [
        ("compute:nova", "vm-1", "FA:16:3E:00:00:07", Plug(TAP, "vm-1")),
        ("compute:", "", TAP[1], Plug(TAP, None)),
        ("compute:nova", "vm-1", "", Plug(None, "vm-1")),
        ("network:dhcp", "dhcp-1", TAP[1], Plug()),
        ("", "vm-1", TAP[1], Plug()),
    ],
)
def test_only_ports_of_vms_have_a_tap(owner, device, mac, expected):
    assert plug_of(PORT, owner, device, mac) == expected


@pytest.mark.parametrize("plug", [Plug(), Plug(TAP, "vm-1"), Plug(TAP), Plug(None, "vm-1")])
def test_romanad_tells_what_it_was_told(plug):
    assert plug_in({key: value for key, value in plug.words().items() if value is not None}) == plug


def test_an_endpoint_is_born_with_its_plug_and_changed_only_when_it_differs():
    client = FakeClient()
    endpoints = endpoints_of(client, lambda *_: None)
    wish = Wish(PORT, "project", "host-a", "web", plug=Plug(TAP, "vm-1"))
    endpoint, _ = endpoints.allocate("net", wish, lambda _: True, lambda _: False)
    assert endpoint.plug == wish.plug
    endpoints.plug(endpoint, wish.plug)
    assert "plug" not in [call[0] for call in client.calls]
    other = dataclasses.replace(wish, plug=Plug(None, "vm-2"))
    again, is_new = endpoints.allocate("net", other, lambda _: True, lambda _: False)
    assert (again.plug, is_new) == (other.plug, False)
    assert client.endpoint(endpoint.addresses[0]).plug == other.plug
