"""List prices, and the page that has the same."""

from decimal import Decimal
from pathlib import Path

from ops.preview import costs as prices
from ops.preview.costs import costs
from ops.preview.plan import Change, Op
from tests.support.previews import POOL, pool

ROOT = Path(__file__).parents[2]


class TestCosts:
    def test_other_instances(self) -> None:
        old, new = pool(["g6.xlarge"], 2, capacityType="SPOT"), pool(["g6.2xlarge"], 2)
        found = costs([Change(op=Op.REPLACE, kind=POOL, name="gpu", old=old, new=new)])
        expected = (Decimal("0.9776") - Decimal("0.8048") * Decimal("0.4")) * 2 * 730
        assert found.difference == expected

    def test_an_instance_without_a_price_is_named(self) -> None:
        old, new = pool(["g6.xlarge"], 1), pool(["p5.48xlarge"], 1)
        found = costs([Change(op=Op.UPDATE, kind=POOL, name="gpu", old=old, new=new)])
        assert found.unpriced == ("gpu (p5.48xlarge)",), "nothing said would be read as nothing paid"
        assert not found.lines

    def test_the_page_has_the_same_prices(self) -> None:
        page = (ROOT / "docs" / "costs.md").read_text(encoding="utf-8")
        assert f"published on {prices.AS_OF}" in page
        for name, price in prices.INSTANCES.items():
            assert f"| `{name}` | {price} |" in page, "a comment would contradict the page that it points to"
        rows = {
            "EKS control plane": prices.HOURLY["aws:eks/cluster:Cluster"],
            "NAT gateways": prices.HOURLY["aws:ec2/natGateway:NatGateway"],
            "public addresses": prices.HOURLY["aws:ec2/eip:Eip"],
            "network load balancer": prices.HOURLY["aws:lb/loadBalancer:LoadBalancer"],
            "outputs, prod": prices.STORAGE["tts-efs"],
            "outputs, dev": prices.STORAGE["tts-ebs-gp3"],
        }
        for item, price in rows.items():
            (line,) = [line for line in page.splitlines() if line.startswith(f"| {item}")]
            assert f" {price} " in line, f"{item}: {line}"
