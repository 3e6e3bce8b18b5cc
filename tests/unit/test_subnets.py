"""A VPC's addresses, laid out over its zones."""

from ipaddress import IPv4Network
from itertools import combinations

import pytest

from components.subnets import MAX_PREFIX, MAX_ZONES, MIN_PREFIX, plan

ZONES = ("eu-central-1a", "eu-central-1b", "eu-central-1c", "eu-central-1d")
PREFIXES = range(MIN_PREFIX, MAX_PREFIX + 1)


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("zones", [2, 3, 4])
class TestEverySize:
    def subnets(self, prefix: int, zones: int) -> tuple[IPv4Network, list[IPv4Network]]:
        vpc = IPv4Network(f"10.32.0.0/{prefix}")
        planned = plan(str(vpc), ZONES[:zones])
        return vpc, [IPv4Network(text) for zone in planned for text in (zone.public, zone.private)]

    def test_no_two_subnets_overlap(self, prefix: int, zones: int) -> None:
        _, subnets = self.subnets(prefix, zones)
        assert len(subnets) == 2 * zones
        assert not any(one.overlaps(other) for one, other in combinations(subnets, 2)), (
            "AWS refuses the second"
        )

    def test_every_subnet_is_in_the_vpc(self, prefix: int, zones: int) -> None:
        vpc, subnets = self.subnets(prefix, zones)
        assert all(subnet.subnet_of(vpc) for subnet in subnets), "AWS refuses a subnet outside its VPC"

    def test_a_zone_that_is_added_moves_no_other(self, prefix: int, zones: int) -> None:
        cidr = f"10.32.0.0/{prefix}"
        assert plan(cidr, ZONES)[:zones] == plan(cidr, ZONES[:zones]), (
            "the nodes' subnets would be replaced, and the nodes with them"
        )


class TestSizes:
    def test_the_smallest_vpc_has_room_for_pods_and_for_a_load_balancer(self) -> None:
        first = plan("10.0.0.0/20", ZONES)[0]
        assert first.private == "10.0.0.0/23", "each pod takes an address of its node's subnet"
        assert first.public == "10.0.12.0/26", "a load balancer wants eight free addresses in its subnet"

    def test_the_largest_vpc_is_used_in_the_same_proportions(self) -> None:
        last = plan("10.0.0.0/16", ZONES)[MAX_ZONES - 1]
        assert (last.private, last.public) == ("10.0.96.0/19", "10.0.204.0/22")

    def test_a_subnet_is_in_the_zone_that_it_was_planned_for(self) -> None:
        assert [zone.zone for zone in plan("10.0.0.0/16", ZONES[:3])] == list(ZONES[:3])


class TestRefusals:
    @pytest.mark.parametrize(
        ("cidr", "reason"),
        [
            ("10.0.0.0/15", "larger than a VPC can be"),
            ("10.0.0.0/21", "too small"),
            ("10.0.0.1/16", "not an IPv4 range"),
            ("fd00::/16", "not an IPv4 range"),
            ("ten dot zero", "not an IPv4 range"),
        ],
    )
    def test_a_range_that_cannot_be_a_vpc(self, cidr: str, reason: str) -> None:
        with pytest.raises(ValueError, match=reason):
            plan(cidr, ZONES[:3])

    @pytest.mark.parametrize("zones", [(), ZONES[:1], (*ZONES, "eu-central-1e")])
    def test_too_few_or_too_many_zones(self, zones: tuple[str, ...]) -> None:
        with pytest.raises(ValueError, match="zones"):
            plan("10.0.0.0/16", zones)

    def test_a_zone_named_twice(self) -> None:
        with pytest.raises(ValueError, match="twice"):
            plan("10.0.0.0/16", (ZONES[0], ZONES[0]))
