from rig.processes import until

from networking_romana.releases import Releases
from networking_romana.transport import Unreachable
from networking_romana.wish import Wish
from unit.fake_client import FakeClient, endpoints_of


def scene(addresses_of):
    client = FakeClient()
    endpoints = endpoints_of(client, lambda *_: None)
    endpoint, _ = endpoints.allocate(
        "net", Wish("port-1", "project-1", "host-a", "web"), lambda _: True, lambda _: False
    )
    return client, endpoint, Releases(endpoints, addresses_of, pause=0.01)


def tries(client):
    return sum(call[0] == "release" for call in client.calls)


def test_it_is_tried_until_romanad_is_there():
    client, endpoint, releases = scene(lambda _port: [])
    client.fail = Unreachable("away")
    releases.later("port-1", endpoint.addresses)
    before = len(client.calls)
    until(lambda: len(client.calls) > before + 2, "several attempts")
    assert client.held
    client.fail = None
    until(lambda: client.held == {}, "the release")


def test_what_the_port_has_again_is_not_released():
    asked = []
    client, endpoint, releases = scene(lambda port: asked.append(port) or [endpoint.addresses[0]])
    releases.later("port-1", endpoint.addresses)
    until(lambda: asked, "a look at the port")
    until(lambda: not releases._waiting, "nothing is left to do")
    assert client.held
    assert tries(client) == 0
