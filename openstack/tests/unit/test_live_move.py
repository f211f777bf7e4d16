"""A live migration whose transaction fails leaves the endpoints where they were."""

import dataclasses

import pytest
import sqlalchemy
from sqlalchemy import orm

from networking_romana.errors import RomanaUnavailable
from networking_romana.live_move import relocate
from networking_romana.transport import Unreachable


@dataclasses.dataclass(frozen=True)
class Placed:
    address: str
    place: str


class Places:
    """Where endpoints of port ``p`` are; for the address ``deaf`` romanad does as it is told, without an answer."""

    def __init__(self, deaf=None):
        self.at = {"10.1.0.9": "host-a", "10.1.0.10": "host-a"}
        self.deaf = deaf

    def now(self, address, port_id):
        return Placed(address, self.at[address]) if port_id == "p" and address in self.at else None

    def locate(self, endpoint, host):
        self.at[endpoint.address] = host
        if endpoint.address == self.deaf:
            self.deaf = None
            raise Unreachable("no answer in time")


@pytest.fixture
def session():
    with orm.Session(sqlalchemy.create_engine("sqlite://"), future=True) as it:
        it.execute(sqlalchemy.text("SELECT 1"))
        yield it


@pytest.mark.parametrize(("end", "place"), [("commit", "host-b"), ("rollback", "host-a")])
def test_endpoints_are_where_the_end_of_the_transaction_says(session, end, place):
    places = Places()
    relocate(session, places, "p", ["10.1.0.9", "10.9.9.9", "10.1.0.10"], "host-b")
    assert set(places.at.values()) == {"host-b"}
    getattr(session, end)()
    assert set(places.at.values()) == {place}


def test_what_nobody_knows_to_be_done_is_undone(session):
    places = Places(deaf="10.1.0.10")
    with pytest.raises(RomanaUnavailable) as caught:
        relocate(session, places, "p", list(places.at), "host-b")
    assert str(caught.value).startswith("Cannot move port p to host host-b: the address service is not available")
    session.rollback()
    assert places.at == {"10.1.0.9": "host-a", "10.1.0.10": "host-a"}
