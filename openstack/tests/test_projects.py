"""Projects as tenants."""

import uuid

from rig.cloud import addresses


def tenant_of(cloud, project_id):
    found = [t for t in cloud.romanad.items("/v1/tenants") if t.get("externalId") == project_id]
    return found[0] if found else None


def test_a_tenant_comes_with_the_project_and_goes_with_its_last_object(cloud, project):
    network = project.network("web")
    tenant = tenant_of(cloud, project.id)
    assert tenant["name"] == project.id
    assert tenant["labels"]["openstack.org/project-name"] == "shop"
    port = project.boot(network, "host-a")
    project.delete(port)
    assert tenant_of(cloud, project.id) is not None
    project.send("DELETE", f"networks/{network['id']}").ok()
    assert tenant_of(cloud, project.id) is None


def test_its_name_is_kept_in_step(cloud, project):
    network = project.network("web")
    renamed = cloud.project(project.id, "the new shop")
    renamed.send("POST", "ports", {"port": {"network_id": network["id"]}}).ok()
    assert tenant_of(cloud, project.id)["labels"]["openstack.org/project-name"] == "the new shop"


def test_two_projects_on_a_shared_network_are_two_tenants(cloud, project):
    network = project.network("web", shared=True)
    guest = cloud.project(uuid.uuid4().hex, "guest")
    (own,) = addresses(project.boot(network, "host-a"))
    port = guest.boot(network, "host-a")
    (other,) = addresses(port)
    assert cloud.names_of(own) == ("host-a", project.id, "web")
    assert cloud.names_of(other) == ("host-a", guest.id, "web")
    guest.delete(port)
    assert tenant_of(cloud, guest.id) is None


def test_a_tenant_of_the_operator_is_used_and_kept(cloud, project):
    spec = {"name": "books", "externalId": project.id, "quota": 1}
    cloud.romanad.api.send("POST", "/v1/tenants", spec).ok()
    cloud.romanad.api.send("POST", "/v1/tenants/books/segments", {"name": "web"}).ok()
    network = project.network("web")
    port = project.boot(network, "host-a")
    assert cloud.romanad.endpoints()[0]["tenant"] == "books"
    second = project.send("POST", "ports", {"port": {"network_id": network["id"]}}).ok()["port"]
    reply = project.bind(second, "host-a")
    assert reply.status == 409
    assert "quota of 1" in reply.body["NeutronError"]["message"]
    project.delete(second)
    project.delete(port)
    project.purge()
    assert tenant_of(cloud, project.id)["name"] == "books"
    cloud.romanad.api.send("DELETE", "/v1/tenants/books?cascade=true").ok()


def test_a_tenant_that_was_deleted_by_hand_is_made_again(cloud, project):
    network = project.network("web")
    project.delete(project.boot(network, "host-a"))
    cloud.romanad.api.send("DELETE", f"/v1/tenants/{project.id}?cascade=true").ok()
    (address,) = addresses(project.boot(network, "host-b"))
    assert cloud.names_of(address) == ("host-b", project.id, "web")
