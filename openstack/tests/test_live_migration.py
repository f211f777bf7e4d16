"""Live migration with the addresses of the port, in the order in which Nova asks for it."""

import uuid

import pytest
from rig.cloud import addresses


@pytest.fixture(scope="module")
def moving_cloud(cloud_with):
    """Its ports take their addresses along."""
    return cloud_with(live_migration="exception")


@pytest.fixture
def mover(moving_cloud):
    project = moving_cloud.project(uuid.uuid4().hex)
    yield project
    project.purge()


def bind(project, port, host):
    return project.admin("POST", f"ports/{port['id']}/bindings", {"binding": {"host": host}})


def activate(project, port, host):
    return project.admin("PUT", f"ports/{port['id']}/bindings/{host}/activate")


def unbind(project, port, host):
    return project.admin("DELETE", f"ports/{port['id']}/bindings/{host}")


def places(project):
    return [(e["host"], e.get("locatedOn")) for e in project.cloud.romanad.endpoints()]


def test_a_port_takes_its_address_along_and_brings_it_back(mover):
    port = mover.boot(mover.network("web"), "host-a")
    assert bind(mover, port, "host-b").ok()["binding"]["vif_type"] == "tap"
    assert places(mover) == [("host-a", None)]
    activate(mover, port, "host-b").ok()
    unbind(mover, port, "host-a").ok()
    moved = mover.port(port)
    assert (moved["binding:host_id"], addresses(moved), moved["status"]) == ("host-b", addresses(port), "ACTIVE")
    assert places(mover) == [("host-a", "host-b")]
    bind(mover, port, "host-a").ok()
    activate(mover, port, "host-a").ok()
    unbind(mover, port, "host-b").ok()
    assert addresses(mover.port(port)) == addresses(port)
    assert places(mover) == [("host-a", None)]


def test_a_migration_that_fails_leaves_everything_as_it_was(mover):
    port = mover.boot(mover.network("web"), "host-a")
    bind(mover, port, "host-b").ok()
    unbind(mover, port, "host-b").ok()
    after = mover.port(port)
    assert (after["binding:host_id"], addresses(after)) == ("host-a", addresses(port))
    assert places(mover) == [("host-a", None)]


def test_one_that_fails_after_its_activation_goes_back(mover):
    port = mover.boot(mover.network("web"), "host-a")
    bind(mover, port, "host-b").ok()
    activate(mover, port, "host-b").ok()
    activate(mover, port, "host-a").ok()
    unbind(mover, port, "host-b").ok()
    assert places(mover) == [("host-a", None)]


def test_a_port_that_is_away_is_deleted_without_a_trace(mover):
    port = mover.boot(mover.network("web"), "host-a")
    bind(mover, port, "host-b").ok()
    activate(mover, port, "host-b").ok()
    mover.delete(port)
    assert places(mover) == []


def test_a_host_that_romana_does_not_know_is_refused_before_the_migration_begins(mover):
    port = mover.boot(mover.network("web"), "host-a")
    assert bind(mover, port, "nowhere").status == 500
    assert mover.port(port)["binding:host_id"] == "host-a"
