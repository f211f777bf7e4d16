"""The life of a VM's port, in the calls and the order of Nova."""

from rig.cloud import addresses


def test_its_address_says_where_it_is_and_whose_it_is(cloud, project):
    network = project.network("web")
    port = project.boot(network, "host-a")
    (address,) = addresses(port)
    assert cloud.names_of(address) == ("host-a", project.id, "web")
    assert port["binding:vif_type"] == "tap"
    assert port["status"] == "ACTIVE"
    project.delete(port)
    assert cloud.romanad.endpoints() == []


def test_a_port_of_a_dhcp_agent_is_like_any_other_with_a_host(cloud, project):
    network = project.network("web")
    body = {
        "network_id": network["id"],
        "project_id": project.id,
        "device_owner": "network:dhcp",
        "device_id": "dhcp-1",
        "binding:host_id": "host-b",
    }
    port = project.admin("POST", "ports", {"port": body}).ok()["port"]
    assert cloud.names_of(addresses(port)[0]) == ("host-b", project.id, "web")


def test_a_vm_with_both_families_has_one_endpoint(cloud, project):
    port = project.boot(project.network("web", "172.16.0.0/12", "fd00:10::/48"), "host-c")
    assert [cloud.names_of(a) for a in addresses(port)] == [("host-c", project.id, "web")] * 2
    (endpoint,) = cloud.romanad.endpoints()
    assert sorted(endpoint["addresses"].values()) == sorted(addresses(port))
    project.delete(port)
    assert cloud.romanad.endpoints() == []
