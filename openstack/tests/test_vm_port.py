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
