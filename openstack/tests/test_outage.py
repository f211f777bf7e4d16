"""romanad goes away and comes back."""

import pytest
from rig.cloud import addresses
from rig.processes import until
from unit.scripted import scripted


def test_a_port_gets_no_address_while_romanad_is_away_and_the_tenant_reads_why(cloud, project):
    network = project.network("web")
    port = project.send("POST", "ports", {"port": {"network_id": network["id"]}}).ok()["port"]
    cloud.romanad.stop()
    try:
        body = {"device_owner": "compute:nova", "binding:host_id": "host-a"}
        reply = cloud.nova.send("PUT", f"/v2.0/ports/{port['id']}", {"port": body})
    finally:
        cloud.romanad.start()
    assert reply.status == 503
    why = "the address service is not available at the moment. Try again later."
    assert reply.body["NeutronError"]["message"] == f"Cannot give port {port['id']} an address: {why}"
    assert project.port(port)["binding:host_id"] == ""
    assert len(addresses(project.bind(port, "host-a").ok()["port"])) == 1


def test_a_port_that_is_deleted_meanwhile_is_released_afterwards(cloud, project):
    port = project.boot(project.network("web"), "host-a")
    cloud.romanad.stop()
    try:
        assert cloud.nova.send("DELETE", f"/v2.0/ports/{port['id']}").status == 204
    finally:
        cloud.romanad.start()
    until(lambda: cloud.romanad.endpoints() == [], "the endpoint is released")


@pytest.mark.parametrize("status", [401, 403])
def test_a_proxy_that_does_not_know_the_token_any_more(cloud, project, status):
    """No address is given and none is lost; the operator reads the reason, the tenant does not."""
    network = project.network("web")
    gone = project.boot(network, "host-a")
    port = project.send("POST", "ports", {"port": {"network_id": network["id"]}}).ok()["port"]
    why = f"token 4711 has expired since {status}"
    body = {"device_owner": "compute:nova", "binding:host_id": "host-a"}
    cloud.romanad.stop()
    try:
        with scripted(lambda *_: (status, {"detail": why}), port=cloud.romanad.port):
            reply = cloud.nova.send("PUT", f"/v2.0/ports/{port['id']}", {"port": body})
            assert cloud.nova.send("DELETE", f"/v2.0/ports/{gone['id']}").status == 204
    finally:
        cloud.romanad.start()
    assert reply.status == 503
    words = "the address service is not available at the moment. Try again later."
    assert reply.body["NeutronError"]["message"] == f"Cannot give port {port['id']} an address: {words}"
    assert why in cloud.neutron.text_of_log()
    until(lambda: cloud.romanad.endpoints() == [], "the endpoint is released")
    assert len(addresses(project.bind(port, "host-a").ok()["port"])) == 1
