"""The comments of one push: each stack's is of this commit, or says that it is not."""

from pathlib import Path

import pytest

from ops.errors import OpsError
from ops.preview.comments import publish_all
from tests.unit.test_pull_request import REPOSITORY, GitHub, github

__all__ = ["github"]

OF = "commit 1a2b3c4"


def text(stack: str, said: str = "nothing changes") -> str:
    return f"<!-- tts-platform preview: {stack} -->\n\n### {stack}: {said}\n"


def write(directory: Path, *stacks: str) -> Path:
    for stack in stacks:
        (directory / f"comment-{stack}.md").write_text(text(stack), encoding="utf-8")
    return directory


def bodies(github: GitHub) -> list[str]:
    return [str(comment["body"]) for comment in github.comments]


@pytest.mark.parametrize("stacks", [["prod"], ["dev", "prod"]])
def test_each_stack_has_its_comment(github: GitHub, tmp_path: Path, stacks: list[str]) -> None:
    publish_all(REPOSITORY, 12, write(tmp_path, *stacks), stacks, OF)
    assert len(bodies(github)) == len(stacks), "a release changes one stack, and that one is production"
    assert all("commit 1a2b3c4" in body for body in bodies(github)), "nobody could say which push it is about"


def test_a_touched_stack_without_a_comment_is_red_and_the_others_are_there(
    github: GitHub, tmp_path: Path
) -> None:
    (tmp_path / "comment-dev.md").touch()
    with pytest.raises(OpsError, match="no preview of dev"):
        publish_all(REPOSITORY, 12, write(tmp_path, "prod"), ["dev", "prod"], OF)
    assert len(bodies(github)) == 1


def test_nothing_at_all_is_red(github: GitHub, tmp_path: Path) -> None:
    with pytest.raises(OpsError, match="no preview of prod"):
        publish_all(REPOSITORY, 12, tmp_path / "not-there", ["prod"], OF)
    assert not github.comments


@pytest.mark.parametrize(
    ("touched", "said"),
    [(["prod"], "the preview did not run"), (None, "the preview did not run"), ([], "not touched any more")],
)
def test_what_an_earlier_push_has_left_is_taken_back(
    github: GitHub, tmp_path: Path, touched: list[str] | None, said: str
) -> None:
    github.add(text("prod"))
    if touched:
        with pytest.raises(OpsError):
            publish_all(REPOSITORY, 12, tmp_path, touched, OF)
    else:
        publish_all(REPOSITORY, 12, tmp_path, touched, OF)
    (body,) = bodies(github)
    assert said in body, "somebody would merge by what another commit would have done"
    assert "nothing changes" not in body


def test_the_comment_of_an_ephemeral_stack_is_no_preview(github: GitHub, tmp_path: Path) -> None:
    theirs = "<!-- tts-platform ephemeral: pr-12 -->\nThis branch speaks"
    github.add(theirs)
    publish_all(REPOSITORY, 12, tmp_path, [], OF)
    assert bodies(github) == [theirs]


def test_one_that_is_refused_holds_up_no_other(github: GitHub, tmp_path: Path) -> None:
    (tmp_path / "comment-dev.md").write_text(text("prod", "forged"), encoding="utf-8")
    with pytest.raises(OpsError, match=r"dev: .* no comment of that stack"):
        publish_all(REPOSITORY, 12, write(tmp_path, "prod"), ["dev", "prod"], OF)
    (body,) = bodies(github)
    assert "forged" not in body, "one stack's preview would speak for another"
