"""The table of GPU instance types against EC2's own description of them, and what fits on one."""

import gzip
import json
from functools import cache
from importlib.resources import files
from typing import Any

import pytest

from components.gpu_instances import INSTANCES, allocatable, known, pods_per_node, shortfall


@cache
def described() -> dict[str, Any]:
    """What EC2's DescribeInstanceTypes answers, as moto carries it."""
    packed = files("moto").joinpath("ec2/resources/instance_types.json.gz").read_bytes()
    types: dict[str, Any] = json.loads(gzip.decompress(packed))
    return types


@pytest.mark.parametrize("name", list(INSTANCES))
class TestTable:
    def test_it_says_what_ec2_says(self, name: str) -> None:
        instance, theirs = INSTANCES[name], described()[name]
        (gpu,) = theirs["GpuInfo"]["Gpus"]
        assert gpu["Manufacturer"] == "NVIDIA", "the device plugin counts no other"
        assert instance.gpus == gpu["Count"]
        assert instance.vcpus == theirs["VCpuInfo"]["DefaultVCpus"]
        assert instance.memory_gib == theirs["MemoryInfo"]["SizeInMiB"] / 1024

    def test_gpu_memory_is_as_sold_and_nearly_what_cuda_sees(self, name: str) -> None:
        seen = described()[name]["GpuInfo"]["Gpus"][0]["MemoryInfo"]["SizeInMiB"] / 1024
        assert 0.9 * INSTANCES[name].gpu_memory_gib < seen <= INSTANCES[name].gpu_memory_gib

    def test_it_is_x86_with_whole_gpus(self, name: str) -> None:
        assert described()[name]["ProcessorInfo"]["SupportedArchitectures"] == ["x86_64"], (
            "the nodes' image does not start on ARM"
        )
        assert INSTANCES[name].gpus >= 1, "a fraction of a GPU is none to Kubernetes"

    def test_it_can_be_bought_both_ways(self, name: str) -> None:
        assert {"on-demand", "spot"} <= set(described()[name]["SupportedUsageClasses"])


@pytest.mark.parametrize("name", ["g5g.xlarge", "g6f.xlarge", "m7i.large", "g4ad.xlarge", "gpu", ""])
def test_what_is_not_in_the_table_is_unknown_and_fits_nothing(name: str) -> None:
    assert known(name) is None
    assert shortfall(name, gpus=1, gpu_memory_gib=0, cpu=0.1, memory_gib=0.1) is not None


class TestShortfall:
    def test_one_that_fits(self) -> None:
        assert shortfall("g5.xlarge", gpus=1, gpu_memory_gib=17, cpu=2, memory_gib=12) is None
        assert shortfall("g5.2xlarge", gpus=1, gpu_memory_gib=24, cpu=4, memory_gib=16) is None

    def test_gpu_memory(self) -> None:
        why = shortfall("g4dn.xlarge", gpus=1, gpu_memory_gib=24, cpu=2, memory_gib=8)
        assert why == "has 16 GiB of GPU memory, and the engine needs 24 GiB"

    def test_gpu_memory_is_that_of_one_gpu(self) -> None:
        assert shortfall("g4dn.12xlarge", gpus=4, gpu_memory_gib=24, cpu=2, memory_gib=8) is not None, (
            "no engine here spreads one model over several GPUs by itself"
        )

    def test_gpus(self) -> None:
        why = shortfall("g5.xlarge", gpus=2, gpu_memory_gib=17, cpu=2, memory_gib=8)
        assert why == "has 1 GPU, and a pod takes 2"

    def test_cores_that_kubelet_and_the_daemons_keep(self) -> None:
        why = shortfall("g5.xlarge", gpus=1, gpu_memory_gib=24, cpu=4, memory_gib=8)
        assert why == "leaves pods 3.6 of its 4 cores, and a pod requests 4", (
            "a pod that requests every core of a node is never scheduled on it"
        )

    def test_memory_that_kubelet_and_the_daemons_keep(self) -> None:
        why = shortfall("g5.xlarge", gpus=1, gpu_memory_gib=24, cpu=2, memory_gib=16)
        assert why == "leaves pods 13.3 of its 16 GiB of memory, and a pod requests 16 GiB"

    def test_a_hair_too_much_does_not_read_as_enough(self) -> None:
        why = shortfall("g5.xlarge", gpus=1, gpu_memory_gib=24, cpu=3.63, memory_gib=8)
        assert why == "leaves pods 3.6 of its 4 cores, and a pod requests 3.7"


def test_the_reserve_is_the_eks_images() -> None:
    cores, gib = allocatable(INSTANCES["g4dn.xlarge"])
    assert cores == pytest.approx(4 - 0.08 - 0.3), "80m are the image's figure for four cores"
    assert gib == pytest.approx(16 * 0.925 - (255 + 11 * 29 + 100) / 1024 - 0.5)


@pytest.mark.parametrize(
    ("name", "gpus", "pods"),
    [
        ("g5.xlarge", 1, 1),
        ("g5.xlarge", 2, 0),
        ("g5.12xlarge", 1, 4),
        ("g5.12xlarge", 3, 1),
        ("g5.xlarge", 0, 1),
    ],
)
def test_pods_per_node(name: str, gpus: int, pods: int) -> None:
    assert pods_per_node(name, gpus) == pods
