import pytest

from networking_romana.sync.neutron_api import NeutronApi, NeutronError


def port(number):
    return {"id": f"port-{number}", "binding:host_id": ""}


class Pages:
    """Neutron with pages of two ports."""

    def __init__(self, count):
        self.ids = [f"port-{number}" for number in range(count)]
        self.gone = set()

    def send(self, method, path, body):
        marker = path.partition("marker=")[2]
        if marker in self.gone:
            return 404, {}
        start = self.ids.index(marker) + 1 if marker else 0
        page = [port(number) for number in range(start, min(start + 2, len(self.ids)))]
        self.gone.add(page[-1]["id"] if start == 2 else "")
        links = [{"rel": "next", "href": ""}] if start + 2 < len(self.ids) else [{"rel": "previous", "href": ""}]
        return 200, {"ports": page, "ports_links": links}


def test_pages_are_followed_also_when_the_last_port_of_one_is_deleted_meanwhile():
    counts = []
    found = NeutronApi(Pages(7).send).all("ports", counts.append)
    assert [it["id"] for it in found] == [f"port-{n}" for n in range(7)]
    assert counts[-1] == 7


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (401, {}, "does not know the account"),
        (500, {}, "status 500"),
        (404, {}, "status 404"),
        (200, {}, "has no ports"),
        (200, {"ports": [{"id": "port-1"}]}, "must be an admin"),
    ],
)
def test_what_is_no_list_of_everything(status, body, words):
    with pytest.raises(NeutronError, match=words):
        NeutronApi(lambda *_: (status, body)).all("ports")


@pytest.mark.parametrize(("status", "words"), [(403, "is no admin"), (401, "does not know"), (503, "status 503")])
def test_an_account_that_is_no_admin(status, words):
    with pytest.raises(NeutronError, match=words):
        NeutronApi(lambda *_: (status, {})).demand_admin()
