"""Which cluster is meant, and that it is never the ambient one."""

from pathlib import Path

import pytest
import yaml

from stacks.kubeconfig import NoCluster, NotYet, find


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    file = tmp_path / "kubeconfig"
    document = {
        "current-context": "prod",
        "contexts": [{"name": name, "context": {"cluster": f"{name}-cluster"}} for name in ("dev", "prod")],
        "clusters": [
            {"name": f"{name}-cluster", "cluster": {"server": f"https://{name}.example.com"}}
            for name in ("dev", "prod")
        ],
    }
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    return file


def test_a_context_is_found_in_its_file(kubeconfig: Path) -> None:
    assert find(str(kubeconfig), "dev").server == "https://dev.example.com"


def test_the_current_context_is_not_taken_for_granted(kubeconfig: Path) -> None:
    with pytest.raises(NoCluster) as refused:
        find(str(kubeconfig), None)
    assert "dev, prod" in refused.value.problem.why, (
        "what is current today was set by another command yesterday"
    )


def test_a_file_with_one_context_needs_no_name(kubeconfig: Path) -> None:
    document = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
    document["contexts"] = document["contexts"][:1]
    kubeconfig.write_text(yaml.safe_dump(document), encoding="utf-8")
    assert find(str(kubeconfig), None).context == "dev"


def test_nothing_named_is_no_cluster(kubeconfig: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    with pytest.raises(NoCluster):
        find(None, None)


def test_a_context_alone_is_looked_up_where_kubectl_would(
    kubeconfig: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", f"/does/not/exist:{kubeconfig}")
    assert find(None, "prod").kubeconfig == str(kubeconfig)


def test_a_path_from_home_stays_as_written(kubeconfig: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(kubeconfig.parent))
    assert find("~/kubeconfig", "dev").kubeconfig == "~/kubeconfig", (
        "a colleague's home would change the state"
    )


@pytest.mark.parametrize("context", ["staging", None])
def test_a_file_that_is_not_there_is_named(context: str | None, tmp_path: Path) -> None:
    with pytest.raises(NotYet) as refused:
        find(str(tmp_path / "kubeconfig"), context)
    assert refused.value.problem.key == "kubeconfig"


def test_a_context_that_is_not_there_is_told_which_are(
    kubeconfig: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    for path in (str(kubeconfig), None):
        with pytest.raises(NoCluster) as refused:
            find(path, "pord")
        assert refused.value.problem.instead == "Write one that is: dev, prod."
        assert not isinstance(refused.value, NotYet), "a preview would go on with nothing to compare with"
