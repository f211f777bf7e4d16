"""Neutron rolls back after it has asked for an address: nothing stays in Romana."""

import uuid

import pytest


def on_host(project, network, **more):
    body = {"network_id": network["id"], "project_id": project.id, "binding:host_id": "host-a", **more}
    return project.admin("POST", "ports", {"port": body})


@pytest.mark.parametrize("cidrs", [("10.0.0.0/8",), ("172.16.0.0/12", "fd00:10::/48")])
def test_an_unknown_security_group(cloud, project, cidrs):
    network = project.network("web", *cidrs)
    assert on_host(project, network, security_groups=[str(uuid.uuid4())]).status == 404
    assert cloud.romanad.endpoints() == []
    port = on_host(project, network).ok()["port"]
    assert len(cloud.romanad.endpoints()) == 1
    project.delete(port)


def test_a_move_that_fails_after_its_address_was_asked_for(cloud, project):
    port = project.boot(project.network("web"), "host-a")
    body = {"binding:host_id": "host-b", "security_groups": [str(uuid.uuid4())]}
    assert project.admin("PUT", f"ports/{port['id']}", {"port": body}).status == 404
    assert [e["host"] for e in cloud.romanad.endpoints()] == ["host-a"]


def test_an_address_pair_that_is_refused_in_precommit(cloud, project):
    network = project.network("web")
    assert on_host(project, network, allowed_address_pairs=[{"ip_address": "10.9.9.9"}]).status == 409
    assert cloud.romanad.endpoints() == []


def test_a_quota(cloud, project):
    network = project.network("web")
    limit = {"quota": {"port": 1}}
    project.admin("PUT", f"quotas/{project.id}", limit).ok()
    on_host(project, network).ok()
    assert on_host(project, network).status == 409
    assert len(cloud.romanad.endpoints()) == 1


@pytest.mark.parametrize("segment", ["web", "old"])
def test_what_a_crash_has_left_for_a_port_is_used_or_renewed(cloud, project, segment):
    network = project.network("web")
    port = project.send("POST", "ports", {"port": {"network_id": network["id"]}}).ok()["port"]
    labels = {"openstack.org/made-by": "neutron"}
    send = cloud.romanad.api.send
    send("POST", f"/v1/tenants/{project.id}/segments", {"name": segment, "labels": labels}).ok()
    name = f"{port['id']}.host-a"
    left = {"network": "seed", "host": "host-a", "tenant": project.id, "segment": segment, "name": name}
    send("POST", "/v1/endpoints", {**left, "requestToken": f"neutron/{name}", "externalId": port["id"]}).ok()
    (ip,) = project.bind(port, "host-a").ok()["port"]["fixed_ips"]
    assert cloud.names_of(ip["ip_address"]) == ("host-a", project.id, "web")
    assert len(cloud.romanad.endpoints()) == 1
