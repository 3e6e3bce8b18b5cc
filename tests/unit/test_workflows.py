"""What a workflow may do, and whose code runs in it."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ACTIONS = sorted((ROOT / ".github" / "actions").glob("*/action.yml"))

_PINNED = re.compile(r"uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
_WRITING = {"write", "write-all"}


def read(file: Path) -> dict[Any, Any]:
    document: dict[Any, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return document


def triggers(workflow: dict[Any, Any]) -> set[str]:
    # YAML 1.1 reads the key `on` as true.
    found = workflow[True]
    return {found} if isinstance(found, str) else set(found)


def jobs(trigger: str | None = None) -> list[Any]:
    """Every job, or those of the workflows that an event starts."""
    return [
        pytest.param(file, job, id=f"{file.stem}-{name}")
        for file in WORKFLOWS
        if trigger is None or trigger in triggers(read(file))
        for name, job in read(file)["jobs"].items()
    ]


def steps(job: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = job["steps"]
    return found


@pytest.mark.parametrize("file", [*WORKFLOWS, *ACTIONS], ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_every_action_is_a_commit(file: Path) -> None:
    used = [line.strip().removeprefix("- ") for line in file.read_text(encoding="utf-8").splitlines()]
    for line in used:
        if line.startswith("uses: ") and not line.startswith("uses: ./"):
            assert _PINNED.fullmatch(line), f"whoever owns the tag decides what runs here: {line}"


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_nothing_is_allowed_that_a_job_does_not_ask_for(file: Path) -> None:
    assert read(file)["permissions"] == {}, "the repository's default may be to write everything"


@pytest.mark.parametrize(("file", "job"), jobs())
def test_every_job_says_what_it_may_do(file: Path, job: dict[str, Any]) -> None:
    assert isinstance(job.get("permissions"), dict), (
        f"{file.name}: a job without permissions has the default ones"
    )
    assert "timeout-minutes" in job, "a job that hangs is paid for six hours"


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_a_forks_code_never_runs_with_secrets(file: Path) -> None:
    assert not triggers(read(file)) & {"pull_request_target", "workflow_run"}, (
        "a stranger's code would run with the account's credentials"
    )


@pytest.mark.parametrize(("file", "job"), jobs("pull_request"))
def test_a_pull_requests_code_gets_no_token_that_may_write(file: Path, job: dict[str, Any]) -> None:
    asked = {key for key, value in job["permissions"].items() if value in _WRITING}
    if asked & {"id-token"}:
        assert "head.repo.full_name == github.repository" in job["if"], (
            f"{file.name}: a fork would become a role of AWS"
        )
    if asked - {"id-token"}:
        (checkout,) = [
            step for step in steps(job) if str(step.get("uses", "")).startswith("actions/checkout@")
        ]
        assert checkout["with"]["ref"] == "${{ github.event.pull_request.base.sha }}", (
            "whoever opens a pull request would write with this token"
        )


@pytest.mark.parametrize(("file", "job"), jobs())
def test_credentials_are_not_left_in_the_checkout(file: Path, job: dict[str, Any]) -> None:
    for step in steps(job):
        if str(step.get("uses", "")).startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False, f"{file.name}: every later step could push"


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_no_key_outlives_its_run(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert "aws-access-key-id" not in text, "a key that leaks works until somebody notices"
    assert "secrets." not in text, "what a workflow needs it gets for an hour, by OIDC"


@pytest.mark.parametrize(("file", "job"), jobs())
def test_a_role_of_aws_comes_by_oidc(file: Path, job: dict[str, Any]) -> None:
    roles = [step["with"] for step in steps(job) if "configure-aws-credentials" in str(step.get("uses", ""))]
    assert bool(roles) == ("id-token" in job["permissions"]), (
        f"{file.name}: a token for nothing, or a role without one"
    )
    for role in roles:
        assert role["role-to-assume"].startswith("${{ vars."), "an account's number is nobody's business"


@pytest.mark.parametrize(("file", "job"), jobs())
def test_what_an_event_says_runs_nothing(file: Path, job: dict[str, Any]) -> None:
    for step in steps(job):
        assert "${{" not in step.get("run", ""), (
            f"{file.name}: a branch's name would run as a part of the script"
        )


def test_no_two_runs_update_one_stack() -> None:
    groups = {}
    for name, job in read(ROOT / ".github/workflows/deploy.yml")["jobs"].items():
        groups[name] = job["concurrency"]
        assert job["env"]["STACK"] == job["environment"] == name
    assert [group["group"] for group in groups.values()] == [f"stack-{name}" for name in groups]
    assert not any(group["cancel-in-progress"] for group in groups.values()), (
        "an update that is killed leaves things that no state knows"
    )


def test_nothing_takes_the_place_of_an_end_that_waits() -> None:
    workflow = read(ROOT / ".github/workflows/ephemeral.yml")
    assert "concurrency" not in workflow, "a run of skipped jobs would cancel a down that waits for an up"
    up, down = workflow["jobs"]["up"], workflow["jobs"]["down"]
    assert up["concurrency"] == down["concurrency"], "the one would begin while the other works on the stack"
    assert not up["concurrency"]["cancel-in-progress"], "an update that is killed leaves what no state knows"
    assert "pull_request.state == 'open'" in up["if"], "a label on a closed one would make what nobody ends"


def script(workflow: str, job: str, name: str) -> str:
    """What a step runs."""
    document = read(ROOT / f".github/workflows/{workflow}.yml")
    (step,) = [step for step in steps(document["jobs"][job]) if step.get("name") == name]
    return str(step["run"])


@pytest.mark.parametrize(
    ("check", "preview", "stacks", "passes"),
    [
        ("success", "success", '["dev"]', True),
        ("success", "skipped", "[]", True),
        ("success", "skipped", '["dev"]', False),
        ("success", "failure", '["dev"]', False),
        ("success", "cancelled", '["dev"]', False),
        ("failure", "skipped", "[]", False),
        ("failure", "skipped", "", False),
    ],
)
def test_one_check_says_whether_all_was_previewed(
    check: str, preview: str, stacks: str, *, passes: bool
) -> None:
    job = read(ROOT / ".github/workflows/preview.yml")["jobs"]["previewed"]
    assert set(job["needs"]) == {"check", "preview"}
    assert job["if"] == "always()", "GitHub takes a check that is skipped for one that has passed"
    (step,) = steps(job)
    run = subprocess.run(
        ["bash", "-e", "-c", step["run"]],
        env={"PATH": os.environ["PATH"], "CHECK": check, "PREVIEW": preview, "STACKS": stacks},
        capture_output=True,
        check=False,
    )
    assert (run.returncode == 0) is passes, "what nobody has seen could be merged, or what is well could not"


def test_a_preview_wants_a_state_to_compare_with() -> None:
    run = script("preview", "preview", "Is there a state to compare with?")
    for url, code in (("", 1), ("s3://acme-tts-state", 0)):
        env = {"PATH": os.environ["PATH"], "PULUMI_BACKEND_URL": url}
        done = subprocess.run(["bash", "-e", "-c", run], env=env, capture_output=True, check=False)
        assert done.returncode == code, "an empty state has nothing to lose, and the gate is open"


def test_a_comment_is_found_whether_one_stack_has_one_or_two() -> None:
    found = read(ROOT / ".github/workflows/preview.yml")["jobs"]
    (up,) = [step["with"] for step in steps(found["preview"]) if "upload-artifact" in step.get("uses", "")]
    (down,) = [
        step["with"] for step in steps(found["comment"]) if "download-artifact" in step.get("uses", "")
    ]
    assert down["merge-multiple"] is True, "of a single artifact the action makes no directory"
    assert up["path"].endswith("/comment-${{ matrix.stack }}.md"), "one stack's would overwrite another's"
    assert "comment-$STACK.md" in script("preview", "preview", "Preview"), "nothing would be uploaded"


def test_a_comment_is_taken_back_where_nothing_was_previewed() -> None:
    job = read(ROOT / ".github/workflows/preview.yml")["jobs"]["comment"]
    assert "cancelled()" in job["if"], (
        "a run that another push has ended would say that its preview did not run"
    )
    assert "stacks" not in job["if"], (
        "a comment of an earlier push would be read as if it were about this one"
    )
    assert "head.repo.full_name == github.repository" in job["if"], "a fork's token may not write"


def test_a_label_of_others_cancels_no_preview() -> None:
    concurrency = read(ROOT / ".github/workflows/preview.yml")["concurrency"]
    assert "allows-data-loss" in concurrency["cancel-in-progress"]


def test_what_waits_for_its_approval_is_no_drift() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipe = makefile.partition("\ndrift: ")[2].partition("\n\n")[0]
    assert "pulumi refresh --preview-only --expect-no-changes" in recipe, (
        "every merge that nobody has approved yet would open an issue overnight"
    )


def test_production_waits_for_somebody() -> None:
    prod = read(ROOT / ".github/workflows/deploy.yml")["jobs"]["prod"]
    assert prod["environment"] == "prod", "its reviewers are asked"
    assert prod["needs"] == "dev", "what dev cannot take is not for production"


def test_a_person_can_run_what_a_workflow_runs() -> None:
    phony = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for name in ("preview", "deploy", "drift", "ephemeral", "reap"):
        text = (ROOT / ".github" / "workflows" / f"{name}.yml").read_text(encoding="utf-8")
        called = set(re.findall(r"\bmake (?:--silent )?([a-z-]+)", text))
        assert called, "a step that only GitHub can run is tried by merging it"
        assert called <= phony
