"""romanad goes away and comes back."""

from rig.cloud import addresses
from rig.processes import until


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
