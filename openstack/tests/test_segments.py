"""Which segment a port is born in, and what later words about it do."""

import pytest
from rig.cloud import addresses

TAG = "romana.segment="


def segment_of(cloud, port):
    return cloud.names_of(addresses(port)[0])[2]


def tag(project, kind, resource, *names):
    body = {"tags": [TAG + name for name in names]}
    return project.send("PUT", f"{kind}/{resource['id']}/tags", body)


def test_the_name_of_the_network(cloud, project):
    assert segment_of(cloud, project.boot(project.network("web"), "host-a")) == "web"


def test_default_when_the_network_has_no_name(cloud, project):
    assert segment_of(cloud, project.boot(project.network(""), "host-a")) == "default"


def test_a_tag_of_the_network_before_its_name(cloud, project):
    network = project.network("web")
    tag(project, "networks", network, "front").ok()
    assert segment_of(cloud, project.boot(network, "host-a")) == "front"


def test_the_binding_profile_before_a_tag_of_the_network(cloud, project):
    network = project.network("web")
    tag(project, "networks", network, "front").ok()
    port = project.send("POST", "ports", {"port": {"network_id": network["id"]}}).ok()["port"]
    bound = project.bind(port, "host-a", **{"binding:profile": {"romana_segment": "cache"}}).ok()["port"]
    assert segment_of(cloud, bound) == "cache"


def test_a_tag_of_the_port_before_all(cloud, project):
    network = project.network("web")
    port = project.send("POST", "ports", {"port": {"network_id": network["id"], "tags": [TAG + "db"]}}).ok()["port"]
    bound = project.bind(port, "host-a", **{"binding:profile": {"romana_segment": "cache"}}).ok()["port"]
    assert segment_of(cloud, bound) == "db"


def test_a_tag_that_the_port_got_before_its_host(cloud, project):
    network = project.network("web")
    port = project.send("POST", "ports", {"port": {"network_id": network["id"]}}).ok()["port"]
    tag(project, "ports", port, "db").ok()
    assert segment_of(cloud, project.bind(port, "host-a").ok()["port"]) == "db"


def test_a_name_that_cannot_be_a_segment_needs_a_tag(cloud, project):
    network = project.network("my net")
    port = project.send("POST", "ports", {"port": {"network_id": network["id"]}}).ok()["port"]
    reply = project.bind(port, "host-a")
    assert reply.status == 400
    words = 'the name of the network, "my net", cannot be the name of a segment'
    assert words in reply.body["NeutronError"]["message"]
    assert project.port(port)["fixed_ips"] == []
    tag(project, "networks", network, "mine").ok()
    assert segment_of(cloud, project.bind(port, "host-a").ok()["port"]) == "mine"


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["d b"], 'the tag of the port says segment "d b", which is no name'),
        ([""], 'the tag of the port says segment "", which is no name'),
        (["a", "b"], "the port has several tags romana.segment=…: a, b"),
    ],
)
def test_tags_that_name_no_segment_are_refused(project, names, words):
    network = project.network("web")
    body = {"network_id": network["id"], "tags": [TAG + name for name in names]}
    reply = project.send("POST", "ports", {"port": body})
    assert reply.status == 400
    assert words in reply.body["NeutronError"]["message"]
    port = project.send("POST", "ports", {"port": {"network_id": network["id"]}}).ok()["port"]
    assert tag(project, "ports", port, *names).status == 400
    assert project.port(port)["tags"] == []


def test_a_binding_profile_that_names_no_segment_is_refused(project):
    port = project.boot(project.network("web"), "host-a")
    change = {"port": {"binding:profile": {"romana_segment": "d b"}}}
    assert project.admin("PUT", f"ports/{port['id']}", change).status == 400


def test_another_segment_in_the_profile_makes_the_port_act_as_it(cloud, project):
    port = project.boot(project.network("web"), "host-a")
    change = {"port": {"binding:profile": {"romana_segment": "db"}}}
    changed = project.admin("PUT", f"ports/{port['id']}", change).ok()["port"]
    assert addresses(changed) == addresses(port)
    (endpoint,) = cloud.romanad.endpoints()
    assert (endpoint["segment"], endpoint["actsAs"]) == ("web", "db")
    project.admin("PUT", f"ports/{port['id']}", {"port": {"binding:profile": {}}}).ok()
    (endpoint,) = cloud.romanad.endpoints()
    assert "actsAs" not in endpoint


def test_a_tag_that_the_port_gets_later_makes_it_act_as_the_segment(cloud, project):
    port = project.boot(project.network("web", "172.16.0.0/12", "fd00:10::/48"), "host-a")
    for names, acts_as in [(["db"], "db"), (["cache"], "cache"), ([], None), (["web"], None)]:
        tag(project, "ports", port, *names).ok()
        (endpoint,) = cloud.romanad.endpoints()
        assert (endpoint["segment"], endpoint.get("actsAs")) == ("web", acts_as)
    assert addresses(project.port(port)) == addresses(port)
    assert project.send("PUT", f"ports/{port['id']}/tags/{TAG}db").status == 400
    assert tag(project, "ports", port, "not a name").status == 400
    assert [t for t in project.port(port)["tags"] if t.startswith(TAG)] == [TAG + "web"]


def test_a_network_with_ports_gets_no_other_segment_by_a_tag(cloud, project):
    network = project.network("web")
    tag(project, "networks", network, "front").ok()
    port = project.boot(network, "host-a")
    for names in ([], ["web"], ["not a name"]):
        assert tag(project, "networks", network, *names).status in (400, 409)
    assert project.send("DELETE", f"networks/{network['id']}/tags").status == 409
    project.send("PUT", f"networks/{network['id']}/tags/other").ok()
    project.delete(port)
    tag(project, "networks", network, "web").ok()
    assert segment_of(cloud, project.boot(network, "host-a")) == "web"


def test_a_network_with_ports_keeps_its_name_until_a_tag_says_the_segment(cloud, project):
    network = project.network("web")
    port = project.boot(network, "host-a")
    rename = {"network": {"name": "shop"}}
    reply = project.send("PUT", f"networks/{network['id']}", rename)
    assert reply.status == 409
    assert "romana.segment=web" in reply.body["NeutronError"]["message"]
    tag(project, "networks", network, "web").ok()
    project.send("PUT", f"networks/{network['id']}", rename).ok()
    assert segment_of(cloud, project.boot(network, "host-a")) == "web"
    assert segment_of(cloud, port) == "web"


def test_segments_go_with_their_network_or_their_last_port(cloud, project):
    network, other = project.network("web"), project.network("rest")
    project.boot(other, "host-a")
    port = project.send("POST", "ports", {"port": {"network_id": network["id"], "tags": [TAG + "db"]}}).ok()["port"]
    project.bind(port, "host-a").ok()
    web = project.boot(network, "host-a")
    names = lambda: {s["name"] for s in cloud.romanad.items(f"/v1/tenants/{project.id}/segments")}  # noqa: E731
    assert names() == {"web", "db", "rest"}
    project.delete(port)
    assert names() == {"web", "rest"}
    project.delete(web)
    project.send("DELETE", f"networks/{network['id']}").ok()
    assert names() == {"rest"}
