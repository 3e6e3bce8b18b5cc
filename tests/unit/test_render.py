"""The files that Argo CD syncs: what is in them, and which of them the command touches."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.issuer import ClusterIssuer, ClusterIssuerArgs, issuer_name
from components.storage_backend import Provisioning
from components.tts.service import TtsService
from components.tts.sync_waves import KINDS, SYNC_WAVE, SYNC_WAVES, sync_wave
from ops import manifests, stack_file
from ops.errors import OpsError
from ops.manifests import Change, Manifests
from stacks import arguments
from stacks.problems import SettingsError
from stacks.profiles import PROFILES
from tests.support.recording import record

ROOT = Path(__file__).parents[2]
OPTIONS = "argocd.argoproj.io/sync-options"


GROUPS = {kind: group for group, kind in KINDS}


def thing(kind: str, name: str = "speech", **more: Any) -> manifests.Object:
    return {
        "apiVersion": f"{GROUPS.get(kind, '')}/v1".lstrip("/"),
        "kind": kind,
        "metadata": {"name": name, "namespace": "tts"},
        **more,
    }


def claim(size: str) -> manifests.Object:
    spec = {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": size}}}
    return thing("PersistentVolumeClaim", "outputs", spec={**spec, "storageClassName": "tts-efs"})


def rendered(*objects: manifests.Object, keep_data: bool = False) -> dict[str, str]:
    return manifests.files("prod", objects, keep_data=keep_data)


def annotations(text: str) -> dict[str, str]:
    found: dict[str, str] = manifests.parsed(text)["metadata"]["annotations"]
    return found


class TestOneFileAnObject:
    def test_it_is_named_for_its_kind_and_name(self) -> None:
        assert set(rendered(thing("ServiceAccount"), thing("NetworkPolicy", "deny-all"))) == {
            "serviceaccount-speech.yaml",
            "networkpolicy-deny-all.yaml",
        }

    def test_two_of_one_name_are_refused(self) -> None:
        with pytest.raises(OpsError, match=r"would both be service-speech\.yaml"):
            rendered(thing("Service"), thing("Service"))

    def test_it_says_who_wrote_it(self) -> None:
        (text,) = rendered(thing("Service")).values()
        assert text.splitlines()[0] == "# Written by: make render STACK=prod", "an edit here would be lost"

    def test_the_order_of_keys_is_always_the_same(self) -> None:
        one = thing("ConfigMap", data={"B": "1", "A": "2"})
        other = {key: one[key] for key in reversed(one)} | {"data": {"A": "2", "B": "1"}}
        assert rendered(one) == rendered(other), "every render would be a diff"
        keys = list(yaml.safe_load(rendered(one)["configmap-speech.yaml"]))
        assert keys == ["apiVersion", "kind", "metadata", "data"]

    def test_nothing_of_pulumis_is_left(self) -> None:
        item = thing("Service")
        item["metadata"]["annotations"] = {"pulumi.com/skipAwait": "true", "tts-platform/engine": "espeak"}
        (text,) = rendered(item).values()
        assert "pulumi.com" not in text
        assert annotations(text)["tts-platform/engine"] == "espeak"
        assert "pulumi.com/skipAwait" in item["metadata"]["annotations"], "the caller's object was changed"

    def test_a_secret_is_refused(self) -> None:
        with pytest.raises(OpsError, match="has a Secret, speech, and who reads the repository would read"):
            rendered(thing("Secret", data={"token": "c2VjcmV0"}))

    @pytest.mark.parametrize(
        "text",
        [
            "1e3",
            "12345678e9012",
            "0o17",
            "y",
            "N",
            "012",
            "1:30",
            "1_000",
            "0x1F",
            ".5",
            "+1",
            "on",
            "~",
            "=",
            "<<",
        ],
    )
    def test_a_text_stays_one_in_every_dialect(self, text: str) -> None:
        (written,) = rendered(thing("ConfigMap", data={text: text})).values()
        value = written.splitlines()[-1].strip().rpartition(": ")[2]
        assert value[0] in "'\"", f"Go would not read {value} as a text, and a ConfigMap takes nothing else"
        assert manifests.parsed(written)["data"] == {text: text}

    @pytest.mark.parametrize(
        "text", ["50Gi", "500m", "registry.example.com/a:1.4.2", "speech", "tts.example.com"]
    )
    def test_a_plain_text_is_not_quoted(self, text: str) -> None:
        (written,) = rendered(thing("ConfigMap", data={"A": text})).values()
        assert written.endswith(f"A: {text}\n")

    def test_a_long_value_is_one_line(self) -> None:
        (written,) = rendered(thing("ConfigMap", data={"A": "word " * 100 + "end"})).values()
        assert written.endswith("word end\n")
        assert len(written.splitlines()[-1]) > 500, "one changed word would be a diff of the whole paragraph"

    def test_several_lines_stay_lines(self) -> None:
        (written,) = rendered(thing("ConfigMap", data={"A": "one\ntwo\n"})).values()
        assert "A: |\n    one\n    two\n" in written

    def test_what_is_there_twice_is_written_twice(self) -> None:
        labels = {"app": "speech"}
        (written,) = rendered(thing("Service", spec={"a": labels, "b": labels})).values()
        assert "&id" not in written


class TestSyncWaves:
    @pytest.mark.parametrize(
        ("kind", "wave"),
        [("NetworkPolicy", 0), ("Role", 0), ("Deployment", 2), ("CronJob", 2), ("HTTPProxy", 2)],
    )
    def test_an_object_has_the_wave_of_its_kind(self, kind: str, wave: int) -> None:
        (text,) = rendered(thing(kind)).values()
        assert annotations(text)[SYNC_WAVE] == str(wave)

    def test_a_claim_comes_with_its_pod(self) -> None:
        assert sync_wave("v1", "PersistentVolumeClaim") == sync_wave("apps/v1", "Deployment"), (
            "a claim that waits for its first pod would hold up the wave that the pod is in"
        )

    def test_nothing_comes_after_the_pods(self) -> None:
        assert sync_wave("apps/v1", "Deployment") == len(SYNC_WAVES) - 1, (
            "a version that never gets ready would hold the sync open, and its rollback would wait for that"
        )

    def test_no_pod_runs_without_the_policies(self) -> None:
        assert sync_wave("networking.k8s.io/v1", "NetworkPolicy") < sync_wave("apps/v1", "Deployment")

    def test_the_snapshot_before_an_upgrade_comes_before_the_pods(self) -> None:
        job = sync_wave("batch/v1", "Job")
        assert job < sync_wave("apps/v1", "Deployment"), "the new version would change the data first"
        needs = [
            ("v1", "ConfigMap"),
            ("v1", "ServiceAccount"),
            ("rbac.authorization.k8s.io/v1", "RoleBinding"),
        ]
        assert all(sync_wave(*kind) < job for kind in needs), "it could not even start"
        assert sync_wave("networking.k8s.io/v1", "NetworkPolicy") < job

    def test_it_holds_up_nothing_that_is_no_upgrade(self) -> None:
        assert sync_wave("batch/v1", "CronJob") > sync_wave("batch/v1", "Job")
        assert sync_wave("v1", "PersistentVolumeClaim") > sync_wave("batch/v1", "Job"), (
            "a first sync has no claims yet, and nothing to take a snapshot of"
        )

    def test_a_kind_has_one_wave(self) -> None:
        assert len({*KINDS}) == len(KINDS)

    def test_a_kind_without_one_is_refused(self) -> None:
        with pytest.raises(
            OpsError, match=r"StatefulSet has no sync wave: give it one in components/tts/sync_waves\.py"
        ):
            rendered(thing("StatefulSet"))

    def test_they_are_of_what_the_service_is_made_of_and_of_nothing_else(self) -> None:
        made = {kind for name in PROFILES for kind in self.kinds(name)}
        assert made == {*KINDS, ("", "Namespace")}, "Argo CD may make these, and no kind that it need not"

    def kinds(self, name: str) -> set[tuple[str, str]]:
        stack = stack_file.read(ROOT, name)
        args = arguments.tts_service(stack, "acme", arguments.provisioning(stack))

        def program() -> None:
            TtsService("tts", args)

        made = [item.inputs for item in record(program).resources if item.type.startswith("kubernetes:")]
        return {(item["apiVersion"].rpartition("/")[0], item["kind"]) for item in made}


class TestHook:
    """A Job runs once and cannot be changed. Argo CD runs a hook anew in every sync."""

    def test_a_job_is_one(self) -> None:
        (text,) = rendered(thing("Job")).values()
        assert annotations(text) == {
            "argocd.argoproj.io/hook": "Sync",
            "argocd.argoproj.io/hook-delete-policy": "BeforeHookCreation",
            SYNC_WAVE: "1",
        }, "the second sync would be refused, for a Job that is there"

    def test_nothing_else_is(self) -> None:
        (text,) = rendered(thing("CronJob")).values()
        assert not [key for key in annotations(text) if "hook" in key]


class TestData:
    def test_what_holds_it_is_kept(self) -> None:
        (text,) = rendered(thing("PersistentVolumeClaim", "outputs"), keep_data=True).values()
        assert annotations(text)[OPTIONS] == "Prune=false,Delete=false", (
            "a lost file, or an Application that goes, would take every utterance with it"
        )

    def test_a_restored_claim_outlives_its_manifest(self) -> None:
        restored = thing("PersistentVolumeClaim", "outputs-espeak-v1.0.0-20251220-0200")
        (text,) = rendered(restored).values()
        assert annotations(text)[OPTIONS] == "Prune=false", (
            "the key that goes would take what was written since"
        )
        assert annotations(text)["argocd.argoproj.io/compare-options"] == "IgnoreExtraneous", (
            "the Application would be OutOfSync for as long as the data stays"
        )

    def test_it_goes_with_the_service_where_nothing_is_protected(self) -> None:
        (text,) = rendered(thing("PersistentVolumeClaim", "outputs")).values()
        assert OPTIONS not in annotations(text), "a destroy would leave it behind"

    def test_nothing_else_is_kept(self) -> None:
        (text,) = rendered(thing("Deployment"), keep_data=True).values()
        assert OPTIONS not in annotations(text), "an object that git no longer has would stay for ever"


@pytest.fixture
def service(tmp_path: Path) -> Manifests:
    """A stack whose manifests are a Service and an account, as rendered."""
    made = Manifests(root=tmp_path, stack="prod", wanted=rendered(thing("Service"), thing("ServiceAccount")))
    assert set(made.write().values()) == {Change.ADDED}
    return made


def again(service: Manifests, *objects: manifests.Object) -> Manifests:
    return Manifests(root=service.root, stack="prod", wanted=rendered(*objects))


class TestWriting:
    def test_it_writes_what_is_wanted_and_nothing_twice(self, service: Manifests) -> None:
        directory = service.root / "manifests/prod"
        assert {file.name: file.read_text() for file in directory.iterdir()} == dict(service.wanted)
        assert set(service.write().values()) == {Change.SAME}

    def test_what_is_no_longer_made_goes(self, service: Manifests) -> None:
        changes = again(service, thing("Service")).write()
        assert changes["serviceaccount-speech.yaml"] is Change.REMOVED, "Argo CD would keep what nobody makes"
        assert [file.name for file in (service.root / "manifests/prod").iterdir()] == ["service-speech.yaml"]

    def test_a_foreign_file_stays(self, service: Manifests) -> None:
        mine = service.root / "manifests/prod/extra.yaml"
        mine.write_text("# Written by: hand\n")
        assert again(service, thing("Service")).write()["extra.yaml"] is Change.FOREIGN
        assert mine.read_text() == "# Written by: hand\n"

    def test_a_foreign_file_is_not_written_over(self, service: Manifests) -> None:
        mine = service.root / "manifests/prod/configmap-speech.yaml"
        mine.write_text("kind: ConfigMap\n")
        before = {file: file.read_bytes() for file in mine.parent.iterdir()}
        with pytest.raises(
            OpsError, match=r"manifests/prod/configmap-speech\.yaml was not written by this command"
        ):
            again(service, thing("ConfigMap")).write()
        assert {file: file.read_bytes() for file in mine.parent.iterdir()} == before

    def test_what_is_no_text_is_left_alone(self, service: Manifests) -> None:
        (service.root / "manifests/prod/picture.png").write_bytes(b"\x89PNG\xff")
        assert service.write()["picture.png"] is Change.FOREIGN

    @pytest.mark.parametrize("name", ["extra.yaml", "extra.yml", "extra.json", "extra.jsonnet"])
    def test_a_foreign_file_that_would_be_applied_fails_a_check(self, service: Manifests, name: str) -> None:
        (service.root / "manifests/prod" / name).write_text("kind: ConfigMap\n")
        said = f"manifests/prod/{name} is not rendered, and Argo CD would apply it: take it out."
        assert list(service.diff()) == [said]
        with pytest.raises(OpsError) as error:
            list(service.check())
        assert str(error.value) == said, "a render would change nothing about it"

    def test_a_file_that_lost_its_first_line_fails_a_check(self, service: Manifests) -> None:
        file = service.root / "manifests/prod/serviceaccount-speech.yaml"
        file.write_text(file.read_text().partition("\n")[2])
        with pytest.raises(OpsError, match="Argo CD would apply it"):
            list(again(service, thing("Service")).check())

    def test_one_that_would_not_is_nobodys_business(self, service: Manifests) -> None:
        (service.root / "manifests/prod/README.md").write_text("# Mine\n")
        assert not list(service.check())

    def test_a_check_names_both_kinds_of_difference(self, service: Manifests) -> None:
        (service.root / "manifests/prod/extra.yaml").write_text("kind: ConfigMap\n")
        with pytest.raises(OpsError, match=r"(?s)make render STACK=prod, and commit it.*extra\.yaml"):
            list(again(service, thing("Service")).check())

    def test_another_stacks_are_left_alone(self, service: Manifests) -> None:
        Manifests(root=service.root, stack="staging", wanted={}).write()
        assert set(service.changes().values()) == {Change.SAME}


class TestDiff:
    def test_there_is_none_when_nothing_would_change(self, service: Manifests) -> None:
        assert not list(service.diff())

    def test_it_shows_what_a_render_would_do(self, service: Manifests) -> None:
        lines = list(again(service, thing("Service", spec={"ports": []}), thing("ConfigMap")).diff())
        assert "+++ b/manifests/prod/service-speech.yaml" in lines
        assert "+  ports: []" in lines
        assert lines[lines.index("+++ b/manifests/prod/configmap-speech.yaml") - 1] == "--- /dev/null"
        assert lines[lines.index("--- a/manifests/prod/serviceaccount-speech.yaml") + 1] == "+++ /dev/null"
        assert set(service.changes().values()) == {Change.SAME}, "a check has written something"

    def test_other_line_ends_are_a_difference(self, service: Manifests) -> None:
        file = service.root / "manifests/prod/service-speech.yaml"
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
        assert list(service.diff()) == ["a/manifests/prod/service-speech.yaml has other line ends"], (
            "a check that fails has to say why"
        )


class TestClaims:
    """Pulumi's state has no claims where Argo CD applies them: the last manifests say which there are."""

    def made(self, tmp_path: Path, size: str) -> Manifests:
        for name in ("Pulumi.yaml", "Pulumi.prod.yaml"):
            (tmp_path / name).write_bytes((ROOT / name).read_bytes())
        made = Manifests(root=tmp_path, stack="prod", wanted=rendered(claim(size)))
        made.write()
        return made

    def test_a_volume_that_would_shrink_is_refused(self, tmp_path: Path) -> None:
        claims = self.made(tmp_path, "300Gi").claims()
        with pytest.raises(SettingsError, match=r"smaller than the volume that is there \(300Gi\)"):
            stack_file.read(tmp_path, "prod", claims)

    def test_one_of_the_same_size_is_not(self, tmp_path: Path) -> None:
        claims = self.made(tmp_path, "200Gi").claims()
        assert claims["outputs"].storage_class == "tts-efs"
        stack_file.read(tmp_path, "prod", claims)

    def test_a_foreign_file_says_nothing(self, tmp_path: Path) -> None:
        made = self.made(tmp_path, "300Gi")
        file = tmp_path / "manifests/prod/persistentvolumeclaim-outputs.yaml"
        file.write_text(file.read_text().partition("\n")[2])
        assert not made.claims()


class TestNamesKnownBeforehand:
    @pytest.mark.parametrize("name", PROFILES)
    def test_the_issuers_is_the_one_that_the_component_gives(self, name: str) -> None:
        kind = arguments.issuer(stack_file.read(ROOT, name))

        def program() -> None:
            ClusterIssuer("it", ClusterIssuerArgs(issuer=kind, cert_manager_namespace="cert-manager"))

        made = record(program)
        assert issuer_name(kind) in {item["metadata"]["name"] for item in made.objects("ClusterIssuer")}

    def test_no_stack_off_aws_names_a_class_by_itself(self) -> None:
        assert arguments.provisioning(stack_file.read(ROOT, "local")) == Provisioning()

    def test_a_render_needs_no_sdk_of_aws(self) -> None:
        program = "import sys, ops.render; sys.exit(any(name.split('.')[0] == 'pulumi_aws' for name in sys.modules))"
        assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0, (
            "it is slow"
        )


def test_pulumis_own_stacks_are_refused() -> None:
    with pytest.raises(
        OpsError, match=r"write tts-platform:delivery: gitops into Pulumi\.dev\.yaml"
    ) as refused:
        manifests.refuse_direct(stack_file.read(ROOT, "dev"))
    with pytest.raises(OpsError, match=r"make down"):
        manifests.refuse_direct(stack_file.read(ROOT, "local"))
    assert "\n" not in str(refused.value)
    assert "destroy it first where it is up (make destroy STACK=dev)" in str(refused.value)
    assert "tts-platform:gitRepository" in str(refused.value)
    manifests.refuse_direct(stack_file.read(ROOT, "prod"))


def test_the_stacks_that_argo_cd_delivers_are_found() -> None:
    from ops.render import delivered

    assert delivered(ROOT) == ["prod"], "a check of all would leave one out"
