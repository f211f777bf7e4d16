import pytest

from networking_romana.plans import FRESH, Plans
from networking_romana.transport import Unreachable


class Networks:
    def __init__(self):
        self.answer = [{"name": "net", "plans": {"ipv4": {"prefix": "10.0.0.0/8"}, "ipv6": {"prefix": "fd00:10::/48"}}}]
        self.asked = 0

    def networks(self):
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def networks():
    return Networks()


@pytest.fixture
def clock():
    return [0.0]


@pytest.fixture
def plans(networks, clock):
    return Plans(networks, lambda: clock[0])


@pytest.mark.parametrize(
    ("cidr", "name"),
    [("10.0.0.0/8", "net"), ("fd00:10::/48", "net"), ("10.0.0.0/9", None), ("0.0.0.0/0", None), ("192.0.2.0/24", None)],
)
def test_only_the_whole_prefix_is_a_plan(plans, cidr, name):
    plan = plans.of_cidr(cidr)
    assert (plan and plan.network) == name


@pytest.mark.parametrize(
    ("cidr", "name"),
    [
        ("10.5.0.0/16", "net"),
        ("0.0.0.0/0", "net"),
        ("fd00:10:0:1::/64", "net"),
        ("11.0.0.0/8", None),
        ("fd00:11::/48", None),
    ],
)
def test_what_overlaps(plans, cidr, name):
    plan = plans.overlapping(cidr)
    assert (plan and plan.network) == name


def test_the_list_is_believed_for_a_while_and_longer_when_romanad_is_away(plans, networks, clock):
    plans.of_cidr("10.0.0.0/8")
    clock[0] = FRESH - 1
    plans.of_cidr("10.0.0.0/8")
    assert networks.asked == 1
    clock[0] = FRESH
    networks.answer = Unreachable("away")
    assert plans.of_cidr("10.0.0.0/8").network == "net"
    assert networks.asked == 2


def test_without_any_list_nothing_is_known(plans, networks):
    networks.answer = Unreachable("away")
    with pytest.raises(Unreachable):
        plans.of_cidr("192.0.2.0/24")
