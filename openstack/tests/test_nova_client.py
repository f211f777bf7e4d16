"""Nova's own code makes the calls: boots, migrates and deletes."""

import uuid

import pytest
from rig.nova_client import NovaClient, Refused


@pytest.fixture
def nova(project, tmp_path):
    client = NovaClient(tmp_path, project)
    yield client
    client.close()


def test_a_vm_boots_moves_and_goes(cloud, project, nova):
    network = project.network("web")
    made = nova.ask("boot", network=network["id"], host="host-a")
    (vif,) = made["vifs"]
    (address,) = vif["addresses"]
    assert (vif["type"], vif["device"], vif["active"]) == ("tap", f"tap{vif['port'][:11]}", True)
    assert cloud.names_of(address) == ("host-a", project.id, "web")
    (endpoint,) = cloud.romanad.endpoints()
    assert (endpoint["instance"], endpoint["tap"]["device"]) == (made["instance"], vif["device"])
    cloud.check()

    (moved,) = nova.ask("move", instance=made["instance"], host="host-b")
    assert moved["port"] == vif["port"]
    assert cloud.names_of(moved["addresses"][0]) == ("host-b", project.id, "web")
    cloud.check()

    nova.ask("delete", instance=made["instance"])
    assert cloud.romanad.endpoints() == []
    cloud.check()


def test_both_families(cloud, project, nova):
    network = project.network("web", "172.16.0.0/12", "fd00:10::/48")
    (vif,) = nova.ask("boot", network=network["id"], host="host-a")["vifs"]
    assert [cloud.names_of(address)[0] for address in vif["addresses"]] == ["host-a", "host-a"]
    cloud.check()


def test_a_host_that_romana_does_not_know_leaves_nothing(cloud, project, nova):
    network = project.network("web")
    with pytest.raises(Refused) as caught:
        nova.ask("boot", network=network["id"], host="host-x")
    assert caught.value.kind == "Conflict"
    assert 'host "host-x" is not a host of Romana' in str(caught.value)
    assert cloud.nova.send("GET", f"/v2.0/ports?project_id={project.id}").ok()["ports"] == []
    cloud.check()


def test_a_live_migration_is_refused_before_it_begins(cloud, project, nova):
    network = project.network("web")
    made = nova.ask("boot", network=network["id"], host="host-a")
    with pytest.raises(Refused) as caught:
        nova.ask("prepare", instance=made["instance"], host="host-b")
    assert caught.value.kind == "PortBindingFailed"
    assert nova.ask("vifs", instance=made["instance"]) == made["vifs"]
    cloud.check()


@pytest.fixture(scope="module")
def moving_cloud(cloud_with):
    return cloud_with(live_migration="exception")


@pytest.fixture
def mover(moving_cloud):
    project = moving_cloud.project(uuid.uuid4().hex)
    yield project
    project.purge()


@pytest.fixture
def moving_nova(mover, tmp_path):
    client = NovaClient(tmp_path, mover)
    yield client
    client.close()


def places(cloud):
    return [(e["host"], e.get("locatedOn")) for e in cloud.romanad.endpoints()]


def test_a_live_migration_with_its_addresses(moving_cloud, mover, moving_nova):
    network = mover.network("web")
    made = moving_nova.ask("boot", network=network["id"], host="host-a")
    moving_nova.ask("prepare", instance=made["instance"], host="host-b")
    assert places(moving_cloud) == [("host-a", None)]
    moving_nova.ask("give_up", instance=made["instance"], host="host-b")
    moving_nova.ask("prepare", instance=made["instance"], host="host-c")
    assert moving_nova.ask("switch", instance=made["instance"], host="host-c") == made["vifs"]
    assert places(moving_cloud) == [("host-a", "host-c")]
    moving_cloud.check()
    moving_nova.ask("delete", instance=made["instance"])
    assert places(moving_cloud) == []
