"""Both sides are made to differ behind each other's back, and the tool finds and mends it."""

import pytest
from rig.cloud import addresses
from rig.sync_tool import SyncTool

LABELS = {"openstack.org/made-by": "neutron"}


@pytest.fixture
def tool(cloud):
    it = SyncTool(cloud.neutron)
    assert it.tell()["differences"] == []
    return it


def mends(tool, *kinds):
    """The differences are told and nothing is changed; then they are mended, and a second time there is nothing."""
    assert tool.kinds() == sorted(kinds)
    assert tool.kinds("--dry-run") == sorted(kinds)
    outcome = tool.tell("--repair")
    assert (outcome["agree"], sorted(it["kind"] for it in outcome["mended"])) == (True, sorted(kinds))
    again = tool.tell("--repair")
    assert (again["agree"], again["mended"]) == (True, [])


def test_an_endpoint_without_a_port(cloud, project, tool):
    port = project.boot(project.network("web"), "host-a")
    endpoint = cloud.romanad.endpoints()[0]
    left = {key: endpoint[key] for key in ("network", "host", "tenant", "segment")}
    for port_id in (port["id"], "5f6a5d5c-0000-4000-8000-000000000000"):
        more = {"requestToken": f"neutron/{port_id}.host-b", "externalId": port_id, "host": "host-b"}
        cloud.romanad.api.send("POST", "/v1/endpoints", {**left, **more}).ok()
    mends(tool, "address-left", "address-left")
    cloud.check()
    assert [e["host"] for e in cloud.romanad.endpoints()] == ["host-a"]


def test_an_endpoint_that_is_not_neutron_s_is_left_alone(cloud, project, tool):
    project.boot(project.network("web"), "host-a")
    mine = {"network": "seed", "host": "host-b", "tenant": project.id, "segment": "web", "name": "mine"}
    cloud.romanad.api.send("POST", "/v1/endpoints", mine).ok()
    assert tool.kinds() == []
    cloud.romanad.api.send("DELETE", "/v1/endpoints/mine").ok()


@pytest.mark.parametrize("cidrs", [("10.0.0.0/8",), ("172.16.0.0/12", "fd00:10::/48")])
def test_addresses_that_romana_has_lost(cloud, project, tool, cidrs):
    network = project.network("web", *cidrs)
    ports = [project.boot(network, host) for host in ("host-a", "host-b")]
    before = [addresses(port) for port in ports]
    for port in ports:
        cloud.romanad.api.send("DELETE", f"/v1/endpoints/{addresses(port)[0]}").ok()
    mends(tool, *["address-missing"] * len(cidrs) * 2)
    cloud.check()
    assert [addresses(project.port(port)) for port in ports] == before


def test_an_endpoint_that_is_said_to_be_elsewhere(cloud, project, tool):
    address = addresses(project.boot(project.network("web"), "host-a"))[0]
    cloud.romanad.api.send("PATCH", f"/v1/endpoints/{address}", {"locatedOn": "host-b"}).ok()
    mends(tool, "location-differs")
    assert [(e["host"], e.get("locatedOn")) for e in cloud.romanad.endpoints()] == [("host-a", None)]


def test_a_project_whose_tenant_is_lost(cloud, project, tool):
    """Its ID is in the addresses only."""
    network = project.network("web")
    first = project.boot(network, "host-a")
    second = project.boot(project.network("db"), "host-a")
    cloud.romanad.api.send("DELETE", f"/v1/tenants/{project.id}?cascade=true").ok()
    mends(tool, "address-missing", "address-missing", "tenant-missing")
    cloud.check()
    assert cloud.names_of(addresses(first)[0]) == ("host-a", project.id, "web")
    assert cloud.names_of(addresses(second)[0]) == ("host-a", project.id, "db")


def test_a_port_that_is_taken_for_one_of_another_class(cloud, project, tool):
    """The class is what words and security groups say; a port of another class is in a segment of its own."""
    network = project.network("web")
    project.boot(network, "host-a")
    open_port = project.boot(network, "host-a", port_security_enabled=False)
    project.boot(network, "host-a", tags=["romana.segment=db"])
    assert tool.kinds() == []
    ref = f"/v1/endpoints/{addresses(open_port)[0]}"
    was = cloud.romanad.api.send("GET", ref).ok()
    cloud.romanad.api.send("PATCH", ref, {"actsAs": "db"}).ok()
    mends(tool, "segment-differs")
    assert "actsAs" not in cloud.romanad.api.send("GET", ref).ok()
    cloud.romanad.api.send("DELETE", ref).ok()
    mends(tool, "address-missing")
    assert cloud.romanad.api.send("GET", ref).ok()["segment"] == was["segment"]


def test_policies_of_security_groups(cloud, project, tool):
    port = project.boot(project.network("web"), "host-a")
    (group,) = project.port(port)["security_groups"]
    send, ref = cloud.romanad.api.send, f"/v1/policies/neutron.group.{group}"
    was = send("GET", ref).ok()
    send("DELETE", ref).ok()
    mends(tool, "policy-missing")
    assert send("GET", ref).ok()["rules"] == was["rules"]
    spec = {key: was[key] for key in ("id", "description", "tier", "order", "appliedTo", "isolates", "established")}
    send("PUT", ref, {**spec, "rules": []}).ok()
    mends(tool, "policy-differs")
    send("POST", "/v1/policies", {**spec, "id": "neutron.group.gone", "rules": []}).ok()
    mends(tool, "policy-left")


def test_what_only_people_can_mend(cloud, project, tool):
    port = project.boot(project.network("web"), "host-a")
    (address,) = addresses(port)
    cloud.romanad.api.send("PATCH", f"/v1/endpoints/{address}", {"externalId": "somebody"}).ok()
    outcome = tool.tell("--repair")
    # The endpoint is nobody's, so it goes first; then the address is free for its port.
    assert outcome["agree"]
    cloud.check()
    spec = {"name": "other", "externalId": project.id}
    cloud.romanad.api.send("POST", "/v1/tenants", spec).ok()
    assert tool.kinds("--repair") == ["tenant-twice"]
    cloud.romanad.api.send("DELETE", "/v1/tenants/other").ok()


def test_tenants_and_segments_that_are_left(cloud, project, tool):
    project.network("web")
    send = cloud.romanad.api.send
    send("POST", f"/v1/tenants/{project.id}/segments", {"name": "old", "labels": LABELS}).ok()
    send("POST", f"/v1/tenants/{project.id}/segments", {"name": "of-the-operator"}).ok()
    send("POST", "/v1/tenants", {"name": "gone", "externalId": "gone", "labels": LABELS}).ok()
    mends(tool, "segment-left", "tenant-left")
    names = [s["name"] for s in cloud.romanad.items(f"/v1/tenants/{project.id}/segments")]
    assert "of-the-operator" in names
    assert "old" not in names
    send("DELETE", f"/v1/tenants/{project.id}/segments/of-the-operator").ok()


def test_an_account_that_does_not_see_everything_changes_nothing(cloud, project, tool):
    project.boot(project.network("web"), "host-a")
    for token, words in (("alice:p:shop:member,reader", "is no admin"), ("::", "Neutron")):
        tool.write_account(token)
        done = tool.run("--repair")
        assert (done.returncode, done.stdout) == (2, "")
        assert words in done.stderr
    cloud.check()
    assert len(cloud.romanad.endpoints()) == 1


def test_words_that_contradict_each_other_and_a_romanad_that_is_away(cloud, tool):
    assert tool.run("--repair", "--dry-run").returncode == 2
    cloud.romanad.stop()
    try:
        done = tool.run()
    finally:
        cloud.romanad.start()
    assert done.returncode == 2
    assert "romanad does not answer" in done.stderr
