import pytest

from networking_romana.plans import Plans


class Networks:
    """A romanad with one network."""

    def networks(self):
        return [{"name": "net", "plans": {"ipv4": {"prefix": "10.0.0.0/8"}, "ipv6": {"prefix": "fd00:10::/48"}}}]


@pytest.fixture
def plans():
    return Plans(Networks())


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
