"""Addresses, names and refusals of the embedded cluster."""

import json
import os
import platform
import shutil
import socket
import subprocess
from pathlib import Path

import pytest
from rich.console import Console

from local import paths, preflight
from local.cluster import layout, lifecycle, nodes, processes
from local.cluster.layout import NODES, Cluster
from local.errors import LocalError


@pytest.fixture
def clusters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(paths, "CLUSTERS", tmp_path)
    return tmp_path


class TestAddresses:
    def test_no_two_clusters_share_an_address(self) -> None:
        networks = [
            network
            for number in range(layout._CLUSTERS)
            for cluster in [Cluster("c", number, 8443)]
            for network in (
                cluster.node_network,
                *(cluster.pod_network(node) for node in NODES),
                cluster.service_network,
            )
        ]
        overlapping = [(a, b) for i, a in enumerate(networks) for b in networks[i + 1 :] if a.overlaps(b)]
        assert not overlapping, "one cluster would answer for another"

    def test_one_network_names_all_nodes_and_no_pod(self) -> None:
        cluster = Cluster("c", 63, 8443)
        assert cluster.node_network.subnet_of(layout._NODE_RANGE)
        assert not cluster.cluster_network.overlaps(layout._NODE_RANGE), (
            "a policy that admits the edge's nodes would admit every pod"
        )

    def test_the_pods_of_all_nodes_are_the_clusters_network(self) -> None:
        cluster = Cluster("c", 5, 8443)
        assert all(cluster.pod_network(node).subnet_of(cluster.cluster_network) for node in NODES)
        assert not cluster.service_network.overlaps(cluster.cluster_network), (
            "a service would look like a pod"
        )


class TestNames:
    @pytest.mark.parametrize("name", ["", "Default", "a b", "../etc", "-x", "a" * 21])
    def test_what_cannot_name_a_cluster_is_refused(self, name: str) -> None:
        with pytest.raises(LocalError, match="cannot name a cluster: write"):
            layout.check_name(name)

    def test_a_cluster_keeps_its_number_and_a_new_one_takes_the_lowest_free(self, clusters: Path) -> None:
        first, second = layout.allocate("one", 8443), layout.allocate("two", 9443)
        assert first.number != second.number
        assert layout.allocate("one", 8443) == first, "its pods would change their addresses"
        assert layout.find("two") == second
        (clusters / "one" / "cluster.json").unlink()
        assert layout.allocate("three", 1).number == first.number

    def test_a_directory_half_made_is_no_cluster(self, clusters: Path) -> None:
        (clusters / "broken").mkdir()
        assert layout.find("broken") is None

    def test_too_many_clusters_are_refused(self, clusters: Path) -> None:
        for number in range(layout._CLUSTERS):
            (clusters / f"c{number}").mkdir()
            (clusters / f"c{number}" / "cluster.json").write_text(json.dumps({"number": number, "port": 1}))
        with pytest.raises(LocalError, match="take one down with make down"):
            layout.allocate("more", 8443)


class TestDown:
    @pytest.fixture(autouse=True)
    def _machine(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(preflight, "check_machine", lambda: None)
        monkeypatch.setattr(processes, "stop", lambda _: None)

    def test_one_that_was_interrupted_is_gone_on_with(
        self, clusters: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (layout.allocate("one", 8443).directory / "pki").mkdir()

        def interrupted(directory: Path, **_: object) -> None:
            if directory.exists():
                raise KeyboardInterrupt

        with monkeypatch.context() as broken:
            broken.setattr(shutil, "rmtree", interrupted)
            with pytest.raises(KeyboardInterrupt):
                lifecycle.down("one", Console())
        assert layout.find("one") is None, "up would go on from half of a cluster"
        lifecycle.down("one", Console())
        assert [file.name for file in clusters.iterdir()] == ["one.lock"], "its volumes would stay for ever"

    def test_where_there_is_none(self, clusters: Path, capsys: pytest.CaptureFixture[str]) -> None:
        lifecycle.down("one", Console())
        assert "There is no cluster one." in capsys.readouterr().out
        assert not (clusters / "one").exists()


class TestRefusals:
    def test_another_system_names_the_way_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(platform, "system", lambda: "Darwin")
        with pytest.raises(LocalError, match=r"needs Linux, this is Darwin\. .*make up CONTEXT="):
            preflight.check_machine()

    def test_no_root_says_sudo_and_the_way_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        with pytest.raises(LocalError, match=r"needs root: run sudo make up\. .*make up CONTEXT="):
            preflight.check_machine()

    def test_a_port_in_use_is_named(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            with pytest.raises(LocalError, match=rf"Port {port} of 127\.0\.0\.1 is in use .*make up PORT="):
                preflight.check_port(port)
        preflight.check_port(port)

    @pytest.mark.parametrize("missing", ["btrfs", "loop"])
    def test_a_kernel_without_what_volumes_need_names_the_way_out(
        self, missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "filesystems").write_text("nodev\ttmpfs\n" + ("" if missing == "btrfs" else "\tbtrfs\n"))
        monkeypatch.setattr(preflight, "FILE_SYSTEMS", tmp_path / "filesystems")
        monkeypatch.setattr(preflight, "LOOP_CONTROL", tmp_path / ("none" if missing == "loop" else ""))
        tried = []
        monkeypatch.setattr(subprocess, "run", lambda command, **_: tried.append(command))
        with pytest.raises(LocalError, match=rf"This kernel has no {missing}, .*make up CONTEXT="):
            preflight._check_file_system()
        assert tried == [["modprobe", missing]], "a module that is there would not be loaded"

    def test_a_missing_program_without_apt_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from rich.console import Console

        monkeypatch.setenv("PATH", "/nonexistent")
        with pytest.raises(
            LocalError, match=r"Install these programs' packages first: .*runc.*make up CONTEXT="
        ):
            preflight.install_packages(Console(quiet=True))


class TestConfiguration:
    def test_the_same_settings_write_the_same_files(self, clusters: Path) -> None:
        cluster = layout.allocate("one", 8443)
        before = processes.configure(cluster, Path("/tools"))
        times = {file: file.stat().st_mtime_ns for file in clusters.rglob("*.yaml")}
        assert processes.configure(cluster, Path("/tools")) == before, (
            "make up would restart a cluster that is well"
        )
        assert times
        assert times == {file: file.stat().st_mtime_ns for file in clusters.rglob("*.yaml")}, (
            "kube-proxy ends when its configuration is touched"
        )
        changed = processes.configure(layout.allocate("one", 9443), Path("/tools"))
        assert changed != before, "a new port would never be listened on"

    @pytest.mark.usefixtures("clusters")
    def test_only_the_gpu_node_is_tainted(self) -> None:
        cluster = layout.allocate("one", 8443)
        taints = {node: nodes._kubelet(cluster, node)["registerWithTaints"] for node in NODES}
        assert taints == {"edge": [], "gpu": [layout.GPU_TAINT]}

    @pytest.mark.usefixtures("clusters")
    def test_keys_are_readable_by_root_alone(self) -> None:
        from local.cluster import pki

        cluster = layout.allocate("one", 8443)
        pki.issue_all(cluster)
        secret = [*cluster.pki.glob("*.key"), *cluster.pki.glob("*.kubeconfig"), cluster.kubeconfig]
        assert secret
        assert all(file.stat().st_mode & 0o077 == 0 for file in secret), (
            "anyone on the machine is administrator"
        )

    @pytest.mark.usefixtures("clusters")
    def test_the_authority_outlives_a_restart(self) -> None:
        from local.cluster import pki

        cluster = layout.allocate("one", 8443)
        pki.issue_all(cluster)
        authority, account = (
            (cluster.pki / "ca.crt").read_bytes(),
            (cluster.pki / "service-account.key").read_bytes(),
        )
        leaf = (cluster.pki / "apiserver.crt").read_bytes()
        pki.issue_all(cluster)
        assert (cluster.pki / "ca.crt").read_bytes() == authority, "every kubeconfig would be refused"
        assert (cluster.pki / "service-account.key").read_bytes() == account, (
            "every pod's token would be refused"
        )
        assert (cluster.pki / "apiserver.crt").read_bytes() != leaf, "it would expire under a cluster in use"
