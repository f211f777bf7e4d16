"""Unbinding, cold and live migration."""

import uuid

import pytest
from rig.cloud import addresses


def rebind(project, port, host):
    return project.admin("PUT", f"ports/{port['id']}", {"port": {"binding:host_id": host}})


def test_a_user_s_port_loses_its_address_with_its_host_and_gets_one_of_the_next(cloud, project):
    port = project.boot(project.network("web"), "host-a")
    body = {"device_id": "", "device_owner": "", "binding:host_id": None, "binding:profile": {}}
    project.admin("PUT", f"ports/{port['id']}", {"port": body}).ok()
    free = project.port(port)
    assert free["fixed_ips"] == []
    assert free["ip_allocation"] == "deferred"
    (address,) = addresses(project.bind(port, "host-b").ok()["port"])
    assert cloud.names_of(address) == ("host-b", project.id, "web")


def test_a_port_that_moves_gets_an_address_of_the_new_host(cloud, project):
    port = project.boot(project.network("web"), "host-a")
    moved = rebind(project, port, "host-b").ok()["port"]
    (address,) = addresses(moved)
    assert cloud.names_of(address) == ("host-b", project.id, "web")
    assert moved["binding:vif_type"] == "tap"
    assert [e["host"] for e in cloud.romanad.endpoints()] == ["host-b"]
    (address,) = addresses(rebind(project, port, "host-a").ok()["port"])
    assert cloud.names_of(address)[0] == "host-a"


def test_both_families_move_together(cloud, project):
    port = project.boot(project.network("web", "172.16.0.0/12", "fd00:10::/48"), "host-a")
    moved = rebind(project, port, "host-c").ok()["port"]
    assert sorted(cloud.names_of(a) for a in addresses(moved)) == [("host-c", project.id, "web")] * 2
    assert len(cloud.romanad.endpoints()) == 1


@pytest.mark.parametrize("host", ["nowhere", "host b"])
def test_a_move_to_a_host_that_romana_does_not_know_is_refused(project, host):
    port = project.boot(project.network("web"), "host-a")
    reply = rebind(project, port, host)
    assert 400 <= reply.status < 500
    assert addresses(project.port(port)) == addresses(port)
    assert project.port(port)["binding:host_id"] == "host-a"


def test_the_same_host_again_changes_nothing(project):
    port = project.boot(project.network("web"), "host-a")
    assert addresses(rebind(project, port, "host-a").ok()["port"]) == addresses(port)


def test_a_second_binding_on_another_host_is_refused_before_a_live_migration_begins(project):
    port = project.boot(project.network("web"), "host-a")
    reply = project.admin("POST", f"ports/{port['id']}/bindings", {"binding": {"host": "host-b"}})
    assert reply.status == 500
    assert reply.body["NeutronError"]["type"] == "PortBindingError"
    after = project.port(port)
    assert (after["binding:host_id"], addresses(after), after["status"]) == ("host-a", addresses(port), "ACTIVE")


@pytest.fixture(scope="module")
def refusing_cloud(cloud_with):
    """It refuses cold migrations."""
    return cloud_with(cold_migration="refuse")


def test_a_move_is_refused_where_the_operator_wants_it(refusing_cloud):
    project = refusing_cloud.project(uuid.uuid4().hex)
    port = project.boot(project.network("web"), "host-a")
    reply = rebind(project, port, "host-b")
    assert reply.status == 409
    assert reply.body["NeutronError"]["type"] == "HostNotCompatibleWithFixedIps"
    assert addresses(project.port(port)) == addresses(port)
    project.purge()
