"""What cannot be done is refused before anything has changed, in words for the tenant."""

import pytest


def message(reply):
    return reply.body["NeutronError"]["message"]


def test_a_host_that_romana_does_not_know(project):
    network = project.network("web")
    port = project.send("POST", "ports", {"port": {"network_id": network["id"]}}).ok()["port"]
    reply = project.bind(port, "host-x")
    assert reply.status == 409
    assert message(reply) == f'Cannot give port {port["id"]} an address: host "host-x" is not a host of Romana'
    assert project.port(port)["binding:host_id"] == ""


def test_a_full_segment_and_room_on_another_host(project):
    network = project.network("web", "192.168.0.0/21")
    ports = [project.boot(network, "host-a")]
    for _ in range(8):
        port = project.send("POST", "ports", {"port": {"network_id": network["id"]}}).ok()["port"]
        reply = project.bind(port, "host-a")
        if reply.status != 200:
            break
        ports.append(port)
    assert (reply.status, reply.body["NeutronError"]["type"]) == (409, "RomanaNoRoom")
    assert len(ports) == 7
    assert project.bind(port, "host-b").status == 200
    project.delete(ports[3])
    project.boot(network, "host-a")


@pytest.mark.parametrize(
    ("cidr", "more", "words"),
    [
        ("203.0.113.0/24", {}, "has the prefixes of Romana's networks only"),
        ("10.5.0.0/16", {}, "it must be 10.0.0.0/8"),
        ("10.0.0.0/7", {}, "it must be 10.0.0.0/8"),
        ("fd00:64::/64", {"ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac"}, "use dhcpv6-stateful"),
        ("fd00:64::/64", {"ipv6_address_mode": "dhcpv6-stateless"}, "use dhcpv6-stateful"),
    ],
)
def test_subnets_that_are_not_plans(project, cidr, more, words):
    network = project.network("web", None)
    reply = project.subnet(network, cidr, enable_dhcp="ipv6_address_mode" in more, **more)
    assert reply.status == 400
    assert words in message(reply)


def test_a_subnet_across_a_plan_is_refused_on_any_network_and_others_are_neutron_s_own(project):
    network = project.network("lan", "203.0.113.0/24", **{"provider:network_type": "local"})
    assert project.subnet(network, "10.5.0.0/16").status == 400
    port = project.send("POST", "ports", {"port": {"network_id": network["id"]}}).ok()["port"]
    assert port["fixed_ips"][0]["ip_address"].startswith("203.0.113.")


def test_addresses_of_others(project):
    network = project.network("web")
    pairs = {"allowed_address_pairs": [{"ip_address": "10.9.9.9"}]}
    reply = project.send("POST", "ports", {"port": {"network_id": network["id"], **pairs}})
    assert reply.status == 409
    assert "an address of Romana belongs to one port: 10.9.9.9" in message(reply)
    port = project.boot(network, "host-a")
    assert project.send("PUT", f"ports/{port['id']}", {"port": pairs}).status == 409
    own = {"allowed_address_pairs": [{"ip_address": port["fixed_ips"][0]["ip_address"]}]}
    assert project.send("PUT", f"ports/{port['id']}", {"port": own}).status == 200


def test_a_router(project):
    network = project.network("web")
    body = {"network_id": network["id"], "project_id": project.id, "device_owner": "network:router_interface"}
    reply = project.admin("POST", "ports", {"port": body})
    assert reply.status == 400
    assert "have no routers of Neutron" in message(reply)


def test_a_port_on_a_host_by_a_tenant_is_neutron_s_to_refuse(project):
    network = project.network("web")
    body = {"network_id": network["id"], "binding:host_id": "host-a"}
    assert project.send("POST", "ports", {"port": body}).status == 403


def test_a_tenant_that_has_no_codes_left_for_another_segment(project):
    """The first segment has grown over all that the tenant has on each host."""
    network = project.network("web", "192.168.0.0/21")
    for _ in range(7):
        project.boot(network, "host-a")
    full = project.send("POST", "ports", {"port": {"network_id": network["id"]}}).ok()["port"]
    other = project.network("db", "192.168.0.0/21")
    port = project.send("POST", "ports", {"port": {"network_id": other["id"]}}).ok()["port"]
    replies = [project.bind(one, "host-a") for one in (full, port)]
    said = [(reply.status, reply.body["NeutronError"]["type"]) for reply in replies]
    assert said == [(409, "RomanaNoRoom"), (409, "RomanaNoRoom")]
    segment = f'segment "{project.id}/web" has no endpoint ID left on host "host-a"'
    assert f"Cannot give port {full['id']} an address: {segment}" in message(replies[0])
    tenant = f'no segment code is left in tenant "{project.id}": 7 of 7 are used'
    assert f"Cannot give port {port['id']} an address: {tenant}" in message(replies[1])
    assert [project.port(one)["binding:host_id"] for one in (full, port)] == ["", ""]
