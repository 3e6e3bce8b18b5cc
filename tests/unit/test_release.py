"""Releases and rollbacks, in real git repositories with a renderer that writes the image and nothing else."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from ops import __main__ as commands
from ops import interrupts, manifests, release, rollback, stack_file
from ops.errors import OpsError
from ops.manifests import Manifests
from stacks.problems import SettingsError

ROOT = Path(__file__).parents[2]
NAME = "registry.example.com/speech/cosyvoice"
OLD, NEW, NEWER = (f"{NAME}:{tag}" for tag in ("1.4.2", "1.5.0", "1.6.0"))
PROD = "Pulumi.prod.yaml"


def render(tree: Path, stack: str, check: bool = False) -> None:
    """What the real renderer does, for a service that is a Deployment and a claim."""
    settings = stack_file.read(tree, stack).settings
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "speech"},
        "spec": {"image": settings.image},
    }
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "outputs", "namespace": settings.namespace},
        "spec": {
            "accessModes": [settings.access_mode.value],
            "resources": {"requests": {"storage": settings.outputs_size}},
        },
    }
    wanted = manifests.files(stack, [deployment, claim], keep_data=False)
    made = Manifests(root=tree, stack=stack, wanted=wanted)
    if not check:
        made.write()
    else:
        list(made.check())


class Clone:
    """A person's clone, with uncommitted work of theirs in it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def git(self, *arguments: str) -> str:
        run = subprocess.run(
            ["git", *arguments], cwd=self.directory, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stderr
        return run.stdout.strip()

    def write(self, key: str, value: str) -> None:
        """Changes one setting in the working tree."""
        file = self.directory / PROD
        document = yaml.safe_load(file.read_text())
        old = document["config"][f"tts-platform:{key}"]
        text = file.read_text()
        assert text.count(f"tts-platform:{key}: {json.dumps(old) if str(old).isdigit() else old}\n") == 1
        lines = [
            f"  tts-platform:{key}: {value}" if line.startswith(f"  tts-platform:{key}:") else line
            for line in text.splitlines()
        ]
        file.write_text("\n".join(lines) + "\n")

    def commit(self, subject: str, **settings: str) -> str:
        """Commits settings, rendered, and whatever else is in the working tree."""
        for key, value in settings.items():
            self.write(key, value)
        render(self.directory, "prod")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", subject)
        return self.git("rev-parse", "HEAD")

    def release(self, image: str = NEW, branch: str | None = None) -> release.Recorded:
        return release.release(self.directory, "prod", image, branch, render)

    def rollback(self, to: str | None = None, branch: str | None = None) -> rollback.RolledBack:
        return rollback.rollback(self.directory, "prod", to, branch)

    def image(self, revision: str) -> str:
        """The image at a commit. Settings and manifests say the same, or the test fails."""
        said = stack_file.image(self.git("show", f"{revision}:{PROD}"), PROD)
        deployed = yaml.safe_load(self.git("show", f"{revision}:manifests/prod/deployment-speech.yaml"))
        assert deployed["spec"]["image"] == said, "Argo CD would run something else than the settings say"
        return said

    def changed(self, commit: str) -> set[str]:
        return set(self.git("diff", "--name-only", f"{commit}^", commit).splitlines())

    def state(self) -> dict[str, Any]:
        """Everything that a person would miss."""
        files = {
            str(file.relative_to(self.directory)): file.read_bytes()
            for file in self.directory.rglob("*")
            if file.is_file() and ".git" not in file.parts
        }
        return {
            "files": files,
            "status": self.git("status", "--porcelain"),
            "head": (self.directory / ".git/HEAD").read_text(),
            "refs": self.git("for-each-ref"),
            "trees": self.git("worktree", "list"),
        }


@pytest.fixture(autouse=True)
def _nobodys_git(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    (tmp_path / "gitconfig").write_text("[user]\n\tname = A Person\n\temail = person@example.com\n")


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    directory = tmp_path / "clone"
    directory.mkdir()
    for name in ("Pulumi.yaml", PROD, "Pulumi.dev.yaml"):
        (directory / name).write_bytes((ROOT / name).read_bytes())
    made = Clone(directory)
    made.git("init", "--quiet", "--initial-branch", "main")
    made.commit("Manifests")
    return made


def refused(clone: Clone, message: str, act: Callable[[], object]) -> None:
    """The act is refused, in words, and nothing is changed by it."""
    before = clone.state()
    with pytest.raises((OpsError, SettingsError), match=message):
        act()
    assert clone.state() == before


class TestRelease:
    def test_it_is_one_commit_on_a_new_branch(self, clone: Clone) -> None:
        done = clone.release()
        assert done.branch == "release/prod-1.5.0"
        assert clone.git("rev-parse", f"{done.branch}^") == clone.git("rev-parse", "main")
        assert clone.git("rev-parse", done.branch) == done.commit
        assert clone.image(done.branch) == NEW
        assert clone.image("main") == OLD

    def test_only_the_image_changes(self, clone: Clone) -> None:
        done = clone.release()
        assert clone.git("diff", "--numstat", "main", done.commit).split("\n") == [
            f"1\t1\t{PROD}",
            "1\t1\tmanifests/prod/deployment-speech.yaml",
        ], "comments, order and quotes are the person's"

    def test_the_message_says_from_what_to_what(self, clone: Clone) -> None:
        message = clone.git("log", "-1", "--format=%B", clone.release().commit)
        assert message == f"prod: cosyvoice 1.5.0, was cosyvoice 1.4.2\n\nFrom {OLD}\nTo   {NEW}"

    def test_a_digest_names_the_branch_too(self, clone: Clone) -> None:
        done = clone.release(f"{NAME}@sha256:{'0123456789ab' * 5}0123")
        assert done.branch == "release/prod-sha256-0123456789ab"

    def test_the_persons_work_stays_as_it_is(self, clone: Clone) -> None:
        clone.write("replicas", '"3"')
        (clone.directory / "note.txt").write_text("mine\n")
        clone.git("add", "note.txt")
        before = clone.state()
        done = clone.release()
        after = clone.state()
        assert {key: after[key] for key in after if key != "refs"} == {
            key: before[key] for key in before if key != "refs"
        }
        assert 'replicas: "2"' in clone.git("show", f"{done.commit}:{PROD}"), (
            "unfinished work went to production"
        )
        assert "note.txt" not in clone.git("ls-tree", "--name-only", done.commit)

    def test_a_second_one_goes_onto_a_branch_that_is_there(self, clone: Clone) -> None:
        first = clone.release(branch="images")
        second = clone.release(NEWER, "images")
        assert clone.git("rev-parse", f"{second.commit}^") == first.commit
        assert (second.before, second.after) == (NEW, NEWER)

    def test_the_files_of_the_branch_that_one_is_on_go_with_it(self, clone: Clone) -> None:
        (clone.directory / "note.txt").write_text("mine\n")
        clone.release(branch="main")
        assert NEW in (clone.directory / PROD).read_text()
        assert clone.git("status", "--porcelain") == "?? note.txt", (
            "the next commit would take the release back"
        )

    def test_a_branch_of_origin_is_gone_on_with(self, clone: Clone, tmp_path: Path) -> None:
        clone.git("checkout", "--quiet", "-b", "production")
        tip = clone.commit("Fewer pods", replicas='"1"')
        clone.git("checkout", "--quiet", "main")
        clone.git("clone", "--quiet", str(clone.directory), str(tmp_path / "ci"))
        ci = Clone(tmp_path / "ci")
        done = ci.release(branch="production")
        assert ci.git("rev-parse", f"{done.commit}^") == tip, (
            "a push of it would be refused, or lose what is there"
        )

    def test_a_clean_checkout_of_ci_will_do(self, clone: Clone, tmp_path: Path) -> None:
        clone.commit("Two commits, of which CI sees one", replicas='"1"')
        url = f"file://{clone.directory}"
        clone.git("clone", "--quiet", "--depth", "1", url, str(tmp_path / "ci"))
        ci = Clone(tmp_path / "ci")
        ci.git("checkout", "--quiet", "--detach")
        (tmp_path / "gitconfig").write_text("")
        done = ci.release()
        assert ci.git("log", "-1", "--format=%an <%ae>, %cn", done.commit) == (
            "tts-platform <tts-platform@localhost>, tts-platform"
        )
        assert "user" not in (ci.directory / ".git/config").read_text(), (
            "whoever commits next would be nobody"
        )

    def test_a_person_commits_in_their_own_name(self, clone: Clone) -> None:
        assert clone.git("log", "-1", "--format=%an %cn", clone.release().commit) == "A Person A Person"

    def test_it_works_within_a_hook(self, clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GIT_DIR", "/nowhere")
        monkeypatch.setenv("GIT_INDEX_FILE", "/nowhere/index")
        done = clone.release()
        monkeypatch.delenv("GIT_DIR")
        monkeypatch.delenv("GIT_INDEX_FILE")
        assert clone.image(done.commit) == NEW

    def test_the_persons_hooks_are_about_their_own_tree(self, clone: Clone) -> None:
        hook = clone.directory / ".git/hooks/pre-commit"
        hook.write_text("#!/bin/sh\nexit 1\n")
        hook.chmod(0o755)
        assert clone.image(clone.release().commit) == NEW


class TestReleaseRefuses:
    @pytest.mark.parametrize("image", [f"{NAME}:latest", f"{NAME}:main", NAME])
    def test_an_image_that_can_change(self, clone: Clone, image: str) -> None:
        refused(clone, "can change under a running service", lambda: clone.release(image))

    def test_what_is_no_image(self, clone: Clone) -> None:
        refused(clone, "is not an image", lambda: clone.release("--force"))

    def test_the_image_that_is_there(self, clone: Clone) -> None:
        refused(clone, f"has the image {OLD} already", lambda: clone.release(OLD))

    def test_a_stack_that_pulumi_applies(self, clone: Clone) -> None:
        act = lambda: release.release(clone.directory, "dev", NEW, None, render)  # noqa: E731
        refused(clone, r"write tts-platform:delivery: gitops into Pulumi\.dev\.yaml", act)

    def test_a_stack_that_is_not_there(self, clone: Clone) -> None:
        act = lambda: release.release(clone.directory, "qa", NEW, None, render)  # noqa: E731
        refused(clone, "There is no stack qa: write one of dev, prod", act)

    def test_manifests_that_are_not_what_the_code_renders(self, clone: Clone) -> None:
        file = clone.directory / "manifests/prod/deployment-speech.yaml"
        file.write_text(file.read_text() + "# Stale\n")
        clone.git("commit", "--quiet", "--all", "--message", "Stale")
        refused(clone, "is not what the code renders", clone.release)

    def test_a_manifest_that_nobody_renders(self, clone: Clone) -> None:
        (clone.directory / "manifests/prod/extra.yaml").write_text("kind: ConfigMap\n")
        clone.git("add", "--all")
        clone.git("commit", "--quiet", "--message", "By hand")
        refused(clone, r"extra\.yaml is not rendered, and Argo CD would apply it", clone.release)

    def test_manifests_whose_settings_nobody_has_committed(self, clone: Clone) -> None:
        clone.write("image", NEWER)
        render(clone.directory, "prod")
        clone.git("add", "manifests")
        clone.git("commit", "--quiet", "--message", "Half of it")
        refused(clone, r"commit Pulumi\.prod\.yaml too", clone.release)

    def test_a_stack_that_nobody_has_committed(self, clone: Clone) -> None:
        (clone.directory / "Pulumi.staging.yaml").write_bytes((clone.directory / PROD).read_bytes())

        def act(branch: str | None) -> None:
            release.release(clone.directory, "staging", NEW, branch, render)

        head = clone.git("rev-parse", "HEAD")[:12]
        refused(clone, rf"no stack staging at {head}: commit Pulumi\.staging\.yaml\.", lambda: act(None))
        refused(clone, r"commit Pulumi\.staging\.yaml to main\.", lambda: act("main"))

    def test_a_branch_that_is_there(self, clone: Clone) -> None:
        clone.release()
        refused(clone, "There is a branch release/prod-1.5.0 already", clone.release)

    def test_a_branch_that_origin_has(self, clone: Clone, tmp_path: Path) -> None:
        clone.release()
        clone.git("clone", "--quiet", str(clone.directory), str(tmp_path / "other"))
        other = Clone(tmp_path / "other")
        refused(other, "There is a branch release/prod-1.5.0 already", other.release)

    @pytest.mark.parametrize("branch", ["two words", "--force", "a..b", ""])
    def test_what_is_no_name_for_a_branch(self, clone: Clone, branch: str) -> None:
        refused(clone, "is no name for a branch", lambda: clone.release(branch=branch))

    def test_to_write_over_a_persons_changes(self, clone: Clone) -> None:
        clone.write("replicas", '"3"')
        refused(
            clone,
            "with changes to the same files: stash them, .* or commit them, and run this again",
            lambda: clone.release(branch="main"),
        )

    def test_where_there_is_no_git(self, tmp_path: Path) -> None:
        with pytest.raises(OpsError, match="has no commit of git: clone the repository"):
            release.release(tmp_path, "prod", NEW, None, render)


class TestTheLine:
    def test_every_other_character_stays(self) -> None:
        text = (
            f"# Mine\r\nconfig:\r\n  a: 1   # one\r\n  'tts-platform:image':   {OLD}  # why\r\n  z: [1,2]\r\n"
        )
        assert stack_file.with_settings(text, PROD, {"image": NEW}) == text.replace(OLD, NEW)

    @pytest.mark.parametrize("quote", ["'", '"'])
    def test_quotes_stay(self, quote: str) -> None:
        text = f"config:\n  tts-platform:image: {quote}{OLD}{quote}\n"
        assert stack_file.with_settings(text, PROD, {"image": NEW}) == text.replace(OLD, NEW)

    def test_the_same_text_elsewhere_is_no_image(self) -> None:
        text = f"config:\n  other:image: {OLD} # {OLD}\n  tts-platform:image: {OLD}\nnote: {OLD}\n"
        changed = stack_file.with_settings(text, PROD, {"image": NEW})
        assert changed == text.replace(f"tts-platform:image: {OLD}", f"tts-platform:image: {NEW}")

    @pytest.mark.parametrize("text", ["config: {}\n", "config:\n  tts-platform:image: {secure: x}\n", ""])
    def test_without_one_it_is_refused(self, text: str) -> None:
        with pytest.raises(OpsError, match=r"Pulumi\.prod\.yaml sets no image"):
            stack_file.image(text, PROD)

    def test_one_that_other_keys_borrow_is_refused(self) -> None:
        text = f"config:\n  tts-platform:image: &it >-\n    {OLD}\n  tts-platform:other: *it\n"
        with pytest.raises(OpsError, match="on a line of its own"):
            stack_file.with_settings(text, PROD, {"image": NEW})

    def test_what_is_no_yaml_is_said_in_one_line(self) -> None:
        with pytest.raises(OpsError, match=r"Pulumi\.prod\.yaml is not YAML: .* Mend the line") as error:
            stack_file.image("config: [", PROD)
        assert "\n" not in str(error.value)

    def test_a_secret_is_not_needed_for_a_render(self, clone: Clone) -> None:
        file = clone.directory / PROD
        file.write_text(file.read_text() + "  tts-platform:gitToken:\n    secure: v1:abc\n")
        assert stack_file.read(clone.directory, "prod").gitops is not None

    def test_a_secret_where_none_belongs_is_refused(self, clone: Clone) -> None:
        file = clone.directory / PROD
        file.write_text(file.read_text() + "  tts-platform:inference:\n    KEY:\n      secure: v1:abc\n")
        with pytest.raises(SettingsError, match="is encrypted here"):
            stack_file.read(clone.directory, "prod")

    def test_values_are_the_texts_that_the_engine_hands_out(self, clone: Clone) -> None:
        clone.write("replicas", "2")
        file = clone.directory / PROD
        file.write_text(file.read_text() + "  tts-platform:deletionProtection: false\n")
        settings = stack_file.read(clone.directory, "prod").settings
        assert (settings.replicas, settings.deletion_protection) == (2, False)


class TestRollback:
    def test_it_undoes_the_last_release_in_one_commit(self, clone: Clone) -> None:
        released = clone.release(branch="main")
        done = clone.rollback()
        assert done.branch == f"rollback/prod-{released.commit[:12]}"
        assert clone.git("rev-parse", f"{done.commit}^") == released.commit
        assert clone.git("diff", f"{released.commit}^", done.commit) == ""
        assert (done.before, done.after) == (NEW, OLD)
        assert done.settings == ()
        assert clone.image("main") == NEW

    def test_the_message_says_from_what_to_what(self, clone: Clone) -> None:
        before = clone.git("rev-parse", "main")
        clone.release(branch="main")
        message = clone.git("log", "-1", "--format=%B", clone.rollback().commit)
        assert message == (
            f"prod: back to cosyvoice 1.4.2\n\nAs at {before[:12]} (Manifests).\nFrom {NEW}\nTo   {OLD}\n\n"
            f"Rolled-Back-To: {before}"
        )

    def test_production_is_back_with_the_branch_that_it_follows(self, clone: Clone) -> None:
        released = clone.release(branch="main")
        done = clone.rollback(branch="main")
        assert clone.git("rev-parse", "main") == done.commit
        assert clone.git("rev-parse", "main^") == released.commit, "it could not be pushed without force"
        assert clone.image("main") == OLD
        assert clone.git("status", "--porcelain") == ""

    @pytest.mark.parametrize("text", ["  : no yaml\n\t- at all\n", "", "- a list\n"])
    def test_what_is_no_manifest_is_no_hindrance(self, clone: Clone, text: str) -> None:
        manifest = clone.directory / "manifests/prod/deployment-speech.yaml"
        before = manifest.read_text()
        manifest.write_text(before.splitlines()[0] + "\n" + text)
        clone.git("commit", "--quiet", "--all", "--message", "By hand")
        done = clone.rollback()
        assert clone.git("show", f"{done.commit}:manifests/prod/deployment-speech.yaml") == before.strip(), (
            "the worse a commit is, the more somebody needs the way back"
        )

    def test_what_later_commits_set_stays(self, clone: Clone) -> None:
        clone.release(branch="main")
        clone.commit("A bigger pool", gpuNodesMax='"6"')
        done = clone.rollback()
        assert clone.image(done.commit) == OLD
        assert 'gpuNodesMax: "6"' in clone.git("show", f"{done.commit}:{PROD}"), (
            "that was no part of the release"
        )
        assert clone.changed(done.commit) == {PROD, "manifests/prod/deployment-speech.yaml"}

    def test_what_is_no_part_of_the_stack_stays(self, clone: Clone) -> None:
        (clone.directory / "README.md").write_text("new\n")
        clone.commit("A release and more", image=NEW)
        done = clone.rollback()
        assert "README.md" not in clone.changed(done.commit)
        assert clone.image(done.commit) == OLD

    def test_a_merge_is_one_change(self, clone: Clone) -> None:
        before = clone.git("rev-parse", "main")
        clone.release(branch="images")
        clone.release(NEWER, "images")
        clone.git("merge", "--quiet", "--no-ff", "--no-edit", "images")
        done = clone.rollback()
        assert done.to == before, "half of what a pull request brought would stay"
        assert clone.image(done.commit) == OLD

    def test_a_change_of_the_manifests_alone_is_one_too(self, clone: Clone) -> None:
        clone.release(branch="main")
        file = clone.directory / "manifests/prod/extra.yaml"
        file.write_text("kind: ConfigMap\n")
        clone.git("add", "--all")
        clone.git("commit", "--quiet", "--message", "By hand")
        done = clone.rollback()
        assert clone.changed(done.commit) == {"manifests/prod/extra.yaml"}
        assert clone.image(done.commit) == NEW

    def test_a_named_commit_is_gone_back_to_whole(self, clone: Clone) -> None:
        goal = clone.commit("Fewer pods", replicas='"1"')
        clone.release(branch="main")
        (clone.directory / "manifests/prod/extra.yaml").write_text("kind: ConfigMap\n")
        clone.commit("Yet more", image=NEWER, gpuNodesMax='"6"')
        done = clone.rollback(to=goal[:10])
        assert done.to == goal
        assert clone.git("diff", goal, done.commit) == "", (
            "a file that was added since would be synced all the same"
        )
        assert done.settings == ("gpuNodesMax",), (
            "the next update takes nodes away, and nobody had asked for that"
        )

    def test_code_that_changed_too_is_pointed_out(self, clone: Clone) -> None:
        (clone.directory / "components").mkdir()
        (clone.directory / "components/x.py").write_text("new\n")
        clone.commit("Code and image", image=NEW)
        assert clone.rollback().code_stays, (
            "CI would say that the manifests are not what the code renders, and not why"
        )

    def test_nothing_is_pointed_out_otherwise(self, clone: Clone) -> None:
        clone.release(branch="main")
        (clone.directory / "components").mkdir()
        (clone.directory / "components/x.py").write_text("new\n")
        clone.commit("Code that renders the same")
        assert not clone.rollback().code_stays

    def test_the_persons_work_stays_as_it_is(self, clone: Clone) -> None:
        clone.release(branch="main")
        clone.write("replicas", '"3"')
        before = clone.state()
        clone.rollback()
        after = clone.state()
        assert {**after, "refs": ""} == {**before, "refs": ""}

    def test_settings_that_today_would_be_refused_are_gone_back_to(self, clone: Clone) -> None:
        file = clone.directory / PROD
        text = file.read_text()
        file.write_text(text + "  tts-platform:formerKey: x\n")
        clone.git("commit", "--quiet", "--all", "--message", "From before")
        goal = clone.git("rev-parse", "HEAD")
        file.write_text(text)
        clone.commit("Newer", image=NEW)
        assert clone.image(clone.rollback(to=goal).commit) == OLD, "what ran must be within reach"


class TestRollbackRefuses:
    def test_a_branch_that_lacks_what_production_runs(self, clone: Clone, tmp_path: Path) -> None:
        clone.git("init", "--quiet", "--bare", str(tmp_path / "origin"))
        clone.git("remote", "add", "origin", str(tmp_path / "origin"))
        clone.release(branch="main")
        clone.git("push", "--quiet", "origin", "main")
        clone.git("fetch", "--quiet", "origin")
        clone.git("reset", "--quiet", "--hard", "HEAD^")
        refused(
            clone,
            "main lacks commits of origin/main, and its own would be undone: git pull --ff-only origin main",
            lambda: clone.rollback(branch="main"),
        )

    def test_to_undo_a_rollback(self, clone: Clone) -> None:
        clone.release(branch="main")
        clone.rollback(branch="main")
        refused(clone, "is a rollback itself .* name a commit with --to", clone.rollback)

    def test_to_undo_a_rollback_that_was_merged(self, clone: Clone) -> None:
        clone.release(branch="main")
        clone.git("merge", "--quiet", "--no-ff", "--no-edit", clone.rollback().branch)
        refused(clone, "is a rollback itself", clone.rollback)

    def test_what_has_nothing_before_it(self, clone: Clone) -> None:
        refused(clone, "Nothing came before the first manifests of prod", clone.rollback)

    def test_a_clone_without_history(self, clone: Clone, tmp_path: Path) -> None:
        clone.release(branch="main")
        clone.git("clone", "--quiet", "--depth", "1", f"file://{clone.directory}", str(tmp_path / "ci"))
        ci = Clone(tmp_path / "ci")
        refused(ci, "has no history to go back in: git fetch --unshallow", ci.rollback)

    def test_a_commit_that_is_not_there(self, clone: Clone) -> None:
        refused(clone, "There is no commit cafebabe here", lambda: clone.rollback(to="cafebabe"))
        refused(clone, "There is no commit --all here", lambda: clone.rollback(to="--all"))

    def test_a_commit_without_manifests(self, clone: Clone) -> None:
        clone.git("checkout", "--quiet", "--orphan", "older")
        clone.git("rm", "-r", "--quiet", "--cached", "manifests")
        clone.git("commit", "--quiet", "--message", "From before")
        older = clone.git("rev-parse", "HEAD")
        clone.git("checkout", "--quiet", "--force", "main")
        refused(clone, "had no manifests/prod at", lambda: clone.rollback(to=older))

    def test_to_go_where_it_is(self, clone: Clone) -> None:
        refused(clone, "there is nothing to roll back", lambda: clone.rollback(to="HEAD"))

    def test_a_stack_that_pulumi_applies(self, clone: Clone) -> None:
        act = lambda: rollback.rollback(clone.directory, "dev", None, None)  # noqa: E731
        refused(clone, "then pulumi up --stack dev", act)

    def test_a_stack_that_is_not_there(self, clone: Clone) -> None:
        act = lambda: rollback.rollback(clone.directory, "qa", None, None)  # noqa: E731
        refused(clone, "There is no stack qa at", act)

    def test_a_smaller_volume(self, clone: Clone) -> None:
        clone.commit("More room, and an image", image=NEW, outputsSize="300Gi")
        refused(clone, r"(?s)would take volumes away, or shrink them.*there \(300Gi\)", clone.rollback)

    def test_what_later_commits_have_changed_again(self, clone: Clone) -> None:
        before = clone.git("rev-parse", "HEAD")
        clone.commit("Image and pool", image=NEW, gpuNodesMax='"5"')
        clone.commit("Pool", gpuNodesMax='"6"')
        refused(clone, f"with --to {before[:12]}", clone.rollback)


class TestHalves:
    """Manifests in one commit, their settings in another: one of them undone would contradict the other."""

    def apart(self, clone: Clone, first: str, **settings: str) -> str:
        """Commits settings and manifests apart, and returns the commit before both."""
        before = clone.git("rev-parse", "HEAD")
        for key, value in settings.items():
            clone.write(key, value)
        (clone.directory / "manifests/prod/deployment-speech.yaml").write_text(
            f"# Written by: make render STACK=prod\nspec: {settings}\n"
        )
        for path in (first, "."):
            clone.git("add", "--", path)
            clone.git("commit", "--quiet", "--message", f"Of {path}")
        return before

    @pytest.mark.parametrize("first", ["manifests", PROD])
    @pytest.mark.parametrize("settings", [{"image": NEW}, {"replicas": '"3"'}])
    def test_one_alone_is_refused(self, clone: Clone, first: str, settings: dict[str, str]) -> None:
        before = self.apart(clone, first, **settings)
        refused(clone, "would contradict each other. Name a commit with --to", clone.rollback)
        done = clone.rollback(to=before)
        assert clone.git("diff", before, done.commit) == ""

    def test_settings_that_no_manifest_has_are_no_half(self, clone: Clone) -> None:
        self.apart(clone, "manifests", gpuNodesMax='"6"')
        assert clone.changed(clone.rollback().commit) == {"manifests/prod/deployment-speech.yaml"}

    def test_a_manifest_by_hand_is_no_half(self, clone: Clone) -> None:
        clone.release(branch="main")
        file = clone.directory / "manifests/prod/deployment-speech.yaml"
        file.write_text(file.read_text() + "# By hand\n")
        clone.git("commit", "--quiet", "--all", "--message", "By hand")
        assert clone.changed(clone.rollback().commit) == {"manifests/prod/deployment-speech.yaml"}


class TestCommands:
    @pytest.fixture(autouse=True)
    def _here(self, clone: Clone, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        monkeypatch.setattr(commands, "CHECKOUT", clone.directory)
        monkeypatch.setattr(
            commands, "render_as_committed", lambda tree, stack, check: render(tree, stack, check)
        )
        before = signal.getsignal(signal.SIGINT)
        yield
        signal.signal(signal.SIGINT, before)

    def test_a_pipeline_reads_what_was_done(self, clone: Clone) -> None:
        result = CliRunner().invoke(commands.app, ["release", "--image", NEW, "--json", "prod"])
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout) == {
            "stack": "prod",
            "branch": "release/prod-1.5.0",
            "commit": clone.git("rev-parse", "release/prod-1.5.0"),
            "before": OLD,
            "after": NEW,
        }

    def test_a_person_reads_it_too(self, clone: Clone) -> None:
        clone.release(branch="main")
        result = CliRunner().invoke(commands.app, ["rollback", "prod", "--branch", "main"])
        assert f"Branch main, commit {clone.git('rev-parse', 'main')}" in result.stdout
        assert "git push origin main" in result.stdout

    def test_an_image_that_stays_is_said_to(self, clone: Clone) -> None:
        file = clone.directory / "manifests/prod/deployment-speech.yaml"
        file.write_text(file.read_text() + "# By hand\n")
        clone.git("commit", "--quiet", "--all", "--message", "By hand")
        result = CliRunner().invoke(commands.app, ["rollback", "prod"])
        assert f"The image stays {OLD}" in result.stdout
        assert "From" not in result.stdout

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["destroy-stack", "dev"], "goes on from here"),
            (["release", "--image", NEW, "prod"], "starts anew"),
        ],
    )
    def test_an_interrupt_says_how_to_go_on(
        self,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        arguments: list[str],
        said: str,
    ) -> None:
        def interrupted(*_: object) -> None:
            signal.raise_signal(signal.SIGINT)

        monkeypatch.setattr(commands, "release", interrupted)
        monkeypatch.setattr("ops.teardown.refuse_protected", interrupted)
        monkeypatch.setattr("sys.argv", ["ops", *arguments])
        with pytest.raises(SystemExit) as ended:
            commands.main()
        assert ended.value.code == 130
        assert f"Interrupted: the same command {said}." in capsys.readouterr().err

    def test_what_is_written_in_brackets_is_shown(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def fails() -> None:
            raise OpsError("Write zones: [eu-central-1a, eu-central-1b].")

        monkeypatch.setattr(commands, "app", fails)
        with pytest.raises(SystemExit) as ended:
            commands.main()
        assert ended.value.code == 1
        assert "[eu-central-1a, eu-central-1b]" in capsys.readouterr().err, "rich takes it for a style"


class TestInterrupt:
    """Killed on the spot, the engine would leave its files, and whatever it has started."""

    @pytest.fixture(autouse=True)
    def _as_in_a_terminal(self) -> Iterator[None]:
        """A program that is started in the background ignores Ctrl-C, and so does whatever it starts."""
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        yield
        signal.signal(signal.SIGINT, before)

    def test_what_was_started_ends_first(self, tmp_path: Path) -> None:
        tidy = tmp_path / "tidy"
        program = (
            "import signal, sys, time; signal.signal(signal.SIGINT, signal.SIG_IGN); print('up', flush=True); "
            f"time.sleep(0.5); open({str(tidy)!r}, 'w')"
        )

        def run() -> None:
            with (
                interrupts.left_to_the_child(),
                subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as child,
            ):
                assert child.stdout
                child.stdout.readline()
                signal.raise_signal(signal.SIGINT)

        with pytest.raises(KeyboardInterrupt):
            run()
        assert tidy.exists()

    def test_what_it_says_then_is_not_told(self) -> None:
        def run() -> None:
            with interrupts.left_to_the_child():
                signal.raise_signal(signal.SIGINT)
                raise OpsError("pulumi cannot render stack prod: canceled")

        with pytest.raises(KeyboardInterrupt):
            run()

    def test_in_a_thread_it_is_left_to_whoever_started_it(self) -> None:
        def run() -> str:
            with interrupts.left_to_the_child(), interrupts.passed_on():
                return "done"

        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(run).result() == "done", "only the main thread may say what a signal does"

    def test_without_one_nothing_is_different(self) -> None:
        before = signal.getsignal(signal.SIGINT)
        with pytest.raises(OpsError), interrupts.left_to_the_child():
            raise OpsError("no")
        assert signal.getsignal(signal.SIGINT) == before

    def test_a_render_for_a_release_is_waited_for(self, tmp_path: Path) -> None:
        (tmp_path / "ops").mkdir()
        (tmp_path / "ops/__init__.py").touch()
        (tmp_path / "ops/__main__.py").write_text(
            "import os, pathlib, signal, time\n"
            "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
            "os.kill(os.getppid(), signal.SIGINT)\n"
            "time.sleep(0.5)\n"
            "pathlib.Path('tidy').touch()\n"
        )
        with pytest.raises(KeyboardInterrupt):
            release.render_as_committed(tmp_path, "prod", True)
        assert (tmp_path / "tidy").exists()


class TestWorkflow:
    """A run of it may write to the repository, and anybody who may send the event decides what is in it."""

    text = (ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8")
    job = yaml.safe_load(text)["jobs"]["release"]

    def test_actions_are_pinned(self) -> None:
        used = [step["uses"] for step in self.job["steps"] if "uses" in step]
        assert used
        for action in used:
            ours = action.startswith("./")  # as the checkout has it
            assert ours or len(action.partition("@")[2]) == 40, (
                f"{action} can change under this repository's token"
            )

    def test_nothing_from_outside_is_part_of_a_script(self) -> None:
        for step in self.job["steps"]:
            assert "${{" not in step.get("run", ""), "an image's name could be a command"

    def test_it_may_do_what_it_has_to_and_nothing_else(self) -> None:
        assert yaml.safe_load(self.text)["permissions"] == {}
        assert self.job["permissions"] == {"contents": "write", "pull-requests": "write"}
        assert self.job["steps"][0]["with"]["persist-credentials"] is False
        assert "secrets." not in self.text

    def test_a_version_can_be_released_again(self) -> None:
        (run,) = [step["run"] for step in self.job["steps"] if step.get("name") == "Release"]
        assert "$GITHUB_RUN_ID" in run, "the first time's branch is still at origin"
        assert "client_payload.stack" in yaml.safe_load(self.text)["concurrency"]["group"]


class TestCheckOfManifests:
    """A pull request's own code runs in it."""

    text = (ROOT / ".github/workflows/manifests.yml").read_text(encoding="utf-8")
    job = yaml.safe_load(text)["jobs"]["manifests"]

    def test_it_compares_every_stack(self) -> None:
        assert self.job["steps"][-1]["run"] == "python -m ops render --check"

    def test_it_may_read_and_nothing_else(self) -> None:
        assert yaml.safe_load(self.text)["permissions"] == {}
        assert self.job["permissions"] == {"contents": "read"}
        assert self.job["steps"][0]["with"]["persist-credentials"] is False
        assert "secrets." not in self.text
        assert "pull_request_target" not in self.text

    def test_its_actions_are_those_of_the_release(self) -> None:
        def used(job: Any) -> set[str]:
            return {step["uses"] for step in job["steps"] if "uses" in step}

        assert used(self.job) == used(TestWorkflow.job), "pinned by commit there"
