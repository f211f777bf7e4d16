"""What agents need to wire the tap that Nova plugs in: its name, the guest's MAC address, the instance."""

import pytest
from rig.cloud import addresses


def only_endpoint(cloud):
    (endpoint,) = cloud.romanad.endpoints()
    return endpoint


def test_the_endpoint_of_a_vm_says_its_tap_and_its_instance(cloud, project):
    port = project.boot(project.network("web"), "host-a")
    endpoint = only_endpoint(cloud)
    assert endpoint["tap"] == {"device": f"tap{port['id'][:11]}", "mac": port["mac_address"]}
    assert endpoint["instance"] == port["device_id"] != ""


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"device_id": "vm-2"}, {"instance": "vm-2"}),
        ({"device_owner": "network:other"}, {"instance": None, "tap": None}),
    ],
)
def test_what_changes_while_it_has_its_address_is_told(cloud, project, change, expected):
    port = project.boot(project.network("web"), "host-a")
    project.admin("PUT", f"ports/{port['id']}", {"port": change}).ok()
    endpoint = only_endpoint(cloud)
    assert {key: endpoint.get(key) for key in expected} == expected


def test_a_port_that_had_its_address_before_its_vm(cloud, project):
    network = project.network("web")
    other = project.boot(network, "host-b")
    (address,) = addresses(other)
    project.delete(other)
    body = {"network_id": network["id"], "project_id": project.id, "fixed_ips": [{"ip_address": address}]}
    port = project.admin("POST", "ports", {"port": body}).ok()["port"]
    assert "tap" not in only_endpoint(cloud)
    wish = {"binding:host_id": "host-b", "device_id": "vm-1", "device_owner": "compute:nova"}
    project.admin("PUT", f"ports/{port['id']}", {"port": wish}).ok()
    endpoint = only_endpoint(cloud)
    assert (endpoint["tap"]["mac"], endpoint["instance"]) == (port["mac_address"], "vm-1")


def test_a_port_of_a_dhcp_agent_has_no_tap_of_ours(cloud, project):
    network = project.network("web")
    owner = {"device_owner": "network:dhcp", "device_id": "dhcp-1", "binding:host_id": "host-b"}
    body = {"network_id": network["id"], "project_id": project.id, **owner}
    project.admin("POST", "ports", {"port": body}).ok()
    assert {"tap", "instance"} & set(only_endpoint(cloud)) == set()
