import dataclasses

import pytest

from networking_romana.client import ApiError
from networking_romana.errors import RomanaConflict
from networking_romana.transport import Unreachable
from networking_romana.wish import Wish
from unit.fake_client import FakeClient, endpoints_of, problem

WISH = Wish("port-1", "project-1", "host-a", "web")


@pytest.fixture
def client():
    return FakeClient()


@pytest.fixture
def unsure():
    return []


@pytest.fixture
def endpoints(client, unsure):
    return endpoints_of(client, lambda *words: unsure.append(words))


def always(_endpoint):
    return True


def never(_endpoint):
    return False


def test_tenant_and_segment_are_made_for_the_first_and_found_for_the_next(client, endpoints):
    _, is_new = endpoints.allocate("net", WISH, always, never)
    assert is_new
    assert [call[0] for call in client.calls] == [
        "tenants_of",
        "create_tenant",
        "segment_with",
        "create_segment",
        "allocate",
        "segment",
    ]
    client.calls.clear()
    endpoints.allocate("net", dataclasses.replace(WISH, port_id="port-2"), always, never)
    assert [call[0] for call in client.calls] == ["allocate", "segment"]


def test_a_tenant_that_somebody_deleted_is_made_again(client, endpoints):
    endpoints.allocate("net", WISH, always, never)
    client.tenants.clear()
    client.held.clear()
    endpoint, is_new = endpoints.allocate("net", WISH, always, never)
    assert (endpoint.tenant, is_new) == ("project-1", True)


def test_what_a_crash_has_left_is_found_again(client, endpoints):
    first, _ = endpoints.allocate("net", WISH, always, never)
    assert endpoints.allocate("net", WISH, always, never) == (first, False)


@pytest.mark.parametrize(("is_held", "segment", "is_new"), [(never, "db", True), (always, "web", False)])
def test_what_is_left_of_another_segment_is_renewed_unless_the_port_has_it(endpoints, is_held, segment, is_new):
    endpoints.allocate("net", WISH, always, never)
    other = dataclasses.replace(WISH, segment="db")
    endpoint, renewed = endpoints.allocate("net", other, always, is_held)
    assert (endpoint.segment, renewed) == (segment, is_new)


def test_an_endpoint_that_is_not_free_is_passed_over(endpoints):
    first, _ = endpoints.allocate("net", WISH, always, never)
    second, is_new = endpoints.allocate("net", WISH, lambda endpoint: endpoint != first, never)
    assert is_new
    assert second != first


def test_a_port_does_not_get_endpoints_without_end(endpoints):
    for _ in range(16):
        endpoints.allocate("net", WISH, lambda _endpoint: False, never)
    with pytest.raises(RomanaConflict, match="it has 16 already"):
        endpoints.allocate("net", WISH, lambda _endpoint: False, never)


def test_release_spares_what_is_kept_and_what_is_somebody_else_s(client, endpoints):
    endpoint, _ = endpoints.allocate("net", WISH, always, never)
    v4, v6 = endpoint.addresses
    assert endpoints.release("port-1", [v6], kept=[v4]) == []
    assert endpoints.release("port-2", [v4], kept=[]) == []
    assert endpoints.release("port-1", [v4, v6], kept=[]) == [endpoint]
    assert client.held == {}


def test_an_endpoint_that_has_changed_meanwhile_is_released_all_the_same(client, endpoints):
    endpoint, _ = endpoints.allocate("net", WISH, always, never)
    v4 = endpoint.addresses[0]
    client.held[v4] = (dataclasses.replace(endpoint, acts_as="db", revision=99), "token")
    endpoints.delete(endpoint)
    assert client.held == {}


def test_an_address_that_another_port_has_by_now_is_left_alone(client, endpoints):
    endpoint, _ = endpoints.allocate("net", WISH, always, never)
    v4 = endpoint.addresses[0]
    client.held[v4] = (dataclasses.replace(endpoint, external_id="port-2", revision=99), "token")
    endpoints.delete(endpoint)
    assert client.held[v4][0].external_id == "port-2"


@pytest.mark.parametrize("error", [Unreachable("away"), problem(503, "unavailable"), problem(500, "internal")])
def test_what_may_have_been_made_is_noted(client, endpoints, unsure, error):
    endpoints.allocate("net", WISH, always, never)
    client.fail = error
    with pytest.raises(type(error)):
        endpoints.allocate("net", WISH, always, never)
    with pytest.raises(type(error)):
        endpoints._post(WISH, {"network": "net", "requestToken": "t"}, "10.0.0.7")
    assert unsure == [("port-1", "port-1.host-a"), ("port-1", "10.0.0.7")]


@pytest.mark.parametrize("error", [problem(507, "pool-exhausted"), problem(422, "invalid-input")])
def test_a_clear_no_leaves_nothing_behind(client, endpoints, unsure, error):
    endpoints.allocate("net", WISH, always, never)
    client.fail = error
    with pytest.raises(ApiError):
        endpoints.allocate("net", WISH, always, never)
    assert unsure == []


def test_claiming_what_the_port_has_and_what_it_has_not(endpoints):
    endpoint, _ = endpoints.allocate("net", WISH, always, never)
    v4 = endpoint.addresses[0]
    assert endpoints.claim("net", WISH, v4) == (endpoint, False)
    with pytest.raises(RomanaConflict, match="is taken"):
        endpoints.claim("net", dataclasses.replace(WISH, port_id="port-2"), v4)
    assert endpoints.claim("net", WISH, "10.0.0.200")[1]
