"""Many at once, on MariaDB and a server with threads."""

import uuid

from busy import in_parallel
from rig.cloud import addresses
from rig.processes import until

PORTS = 60


def test_ports_that_are_made_at_once(busy_cloud, busy_project):
    network = busy_project.network("web")
    hosts = ["host-a", "host-b", "host-c"]

    def boot(number):
        body = {"port": {"network_id": network["id"]}}
        port = busy_project.api.send("POST", "/v2.0/ports", body).ok()["port"]
        host = {"device_owner": "compute:nova", "binding:host_id": hosts[number % 3]}
        return busy_cloud.nova.send("PUT", f"/v2.0/ports/{port['id']}", {"port": host})

    replies = in_parallel(boot, range(PORTS))
    assert [r.status for r in replies] == [200] * PORTS
    ports = [r.body["port"] for r in replies]
    busy_cloud.check()
    assert len({a for port in ports for a in addresses(port)}) == PORTS
    assert {port["binding:vif_type"] for port in ports} == {"tap"}
    for port in ports[:6]:
        assert busy_cloud.names_of(addresses(port)[0])[0] == port["binding:host_id"]
    gone = in_parallel(lambda port: busy_cloud.nova.send("DELETE", f"/v2.0/ports/{port['id']}").status, ports)
    assert gone == [204] * PORTS
    busy_cloud.check()
    assert busy_cloud.romanad.endpoints() == []
    busy_project.purge()


def test_rollbacks_among_others(busy_cloud, busy_project):
    network = busy_project.network("web")

    def create(number):
        wrong = {"security_groups": [str(uuid.uuid4())]} if number % 3 == 0 else {}
        body = {"network_id": network["id"], "project_id": busy_project.id, "binding:host_id": "host-a", **wrong}
        return busy_cloud.nova.send("POST", "/v2.0/ports", {"port": body}).status

    assert in_parallel(create, range(30)) == [404 if n % 3 == 0 else 201 for n in range(30)]
    busy_cloud.check()
    busy_project.purge()


def test_romanad_is_killed_in_the_middle(busy_cloud, busy_project):
    network = busy_project.network("web")

    def create(number):
        if number == 15:
            busy_cloud.romanad.stop()
        if number == 25:
            busy_cloud.romanad.start()
        body = {"network_id": network["id"], "project_id": busy_project.id, "binding:host_id": "host-b"}
        return busy_cloud.nova.send("POST", "/v2.0/ports", {"port": body}).status

    assert set(in_parallel(create, range(50))) == {201, 503}

    def agrees():
        try:
            busy_cloud.check()
        except AssertionError:
            return False
        return True

    until(agrees, "both sides have the same addresses")
    busy_project.purge()
