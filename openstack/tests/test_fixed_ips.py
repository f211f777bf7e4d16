"""Ports whose owner says which addresses they shall have."""

from rig.cloud import addresses


def create(project, network, host=None, **more):
    body = {"network_id": network["id"], "project_id": project.id, **more}
    if host is None:
        return project.send("POST", "ports", {"port": body})
    return project.admin("POST", "ports", {"port": {**body, "binding:host_id": host}})


def ask(project, port, *fixed_ips):
    return project.admin("PUT", f"ports/{port['id']}", {"port": {"fixed_ips": list(fixed_ips)}})


def test_an_address_says_its_host_when_nobody_else_does(cloud, project):
    network = project.network("web")
    first = project.boot(network, "host-b")
    (address,) = addresses(first)
    project.delete(first)
    port = create(project, network, fixed_ips=[{"ip_address": address}]).ok()["port"]
    assert addresses(port) == [address]
    reply = project.bind(port, "host-a")
    assert reply.status == 409
    assert reply.body["NeutronError"]["type"] == "HostNotCompatibleWithFixedIps"
    bound = project.bind(port, "host-b").ok()["port"]
    assert (addresses(bound), bound["binding:vif_type"]) == ([address], "tap")


def test_an_address_of_another_host_tenant_or_segment_is_refused(cloud, project):
    network, other = project.network("web"), project.network("db")
    (web,) = addresses(project.boot(network, "host-a"))
    project.boot(other, "host-a")
    free = web.rsplit(".", 1)[0] + "." + str(int(web.rsplit(".", 1)[1]) + 3)
    assert create(project, network, "host-b", fixed_ips=[{"ip_address": free}]).status == 400
    assert create(project, other, "host-a", fixed_ips=[{"ip_address": free}]).status == 400
    assert create(project, network, "host-a", fixed_ips=[{"ip_address": "10.1.255.17"}]).status == 400
    assert create(project, network, "host-a", fixed_ips=[{"ip_address": "10.99.1.17"}]).status == 400
    assert create(project, network, fixed_ips=[{"ip_address": "10.99.1.17"}]).status == 400
    assert create(project, network, "host-a", fixed_ips=[{"ip_address": web}]).status == 409
    assert addresses(create(project, network, "host-a", fixed_ips=[{"ip_address": free}]).ok()["port"]) == [free]


def test_a_refused_change_keeps_the_old_address(project):
    port = project.boot(project.network("web"), "host-a")
    subnet = port["fixed_ips"][0]["subnet_id"]
    reply = ask(project, port, {"subnet_id": subnet, "ip_address": "10.2.1.17"})
    assert reply.status == 400
    assert addresses(project.port(port)) == addresses(port)


def test_a_port_may_have_several_addresses_and_give_them_back(cloud, project):
    port = project.boot(project.network("web"), "host-a")
    (first,) = port["fixed_ips"]
    subnet = {"subnet_id": first["subnet_id"]}
    two = ask(project, port, first, subnet).ok()["port"]
    assert len(addresses(two)) == 2
    assert {cloud.names_of(a)[0] for a in addresses(two)} == {"host-a"}
    (left,) = [ip for ip in two["fixed_ips"] if ip != first]
    assert ask(project, port, left).ok()["port"]["fixed_ips"] == [left]
    again = ask(project, port, left, subnet).ok()["port"]
    assert len(addresses(again)) == 2
    assert ask(project, port).ok()["port"]["fixed_ips"] == []
    assert cloud.romanad.endpoints() == []


def test_an_address_before_the_host_is_a_bad_request(project):
    network = project.network("web")
    port = create(project, network).ok()["port"]
    subnets = project.api.send("GET", f"/v2.0/subnets?network_id={network['id']}").ok()["subnets"]
    reply = ask(project, port, {"subnet_id": subnets[0]["id"]})
    assert reply.status == 400
    assert "its address says its host" in reply.body["NeutronError"]["message"]


def test_the_second_family_of_a_port_is_that_of_its_endpoint(cloud, project):
    network = project.network("web", "172.16.0.0/12", "fd00:10::/48")
    port = project.boot(network, "host-a")
    assert {":" in a for a in addresses(port)} == {True, False}
    (endpoint,) = cloud.romanad.endpoints()
    assert sorted(endpoint["addresses"].values()) == sorted(addresses(port))
    (v4,) = [ip for ip in port["fixed_ips"] if ":" not in ip["ip_address"]]
    (v6,) = [ip for ip in port["fixed_ips"] if ":" in ip["ip_address"]]
    assert ask(project, port, v4).ok()["port"]["fixed_ips"] == [v4]
    assert len(cloud.romanad.endpoints()) == 1
    both = ask(project, port, v4, {"subnet_id": v6["subnet_id"]}).ok()["port"]
    assert sorted(addresses(both)) == sorted(addresses(port))
    assert len(cloud.romanad.endpoints()) == 1
