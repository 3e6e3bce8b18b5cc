"""The commands from a change to its update: which stacks it touches, what it would change in them, and the update."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from ops import policy_pack, stack_file
from ops import touched as by_files
from ops.preview.command import Form, previewed
from ops.workspace import CHECKOUT, Workspace, pulumi

Repository = Annotated[str, typer.Option(help="OWNER/NAME on GitHub.")]
Number = Annotated[int, typer.Option(help="The pull request's number.")]


def add_to(app: typer.Typer) -> None:
    """Puts the commands beside the others of `python -m ops`."""
    for command in (preview, touched, comment, comments, deploy):
        app.command()(command)


def preview(
    stack: Annotated[str, typer.Argument(help="local, dev or prod")],
    form: Annotated[
        Form,
        typer.Option("--format", help="text is Pulumi's own; markdown is the comment on a pull request."),
    ] = Form.TEXT,
    base: Annotated[
        str | None, typer.Option(help="The branch that it goes to: its manifests are compared with, too.")
    ] = None,
    allow_data_loss: Annotated[
        bool, typer.Option("--allow-data-loss", help="Losing data, or the last GPU node, is meant.")
    ] = False,
    policies: Annotated[
        bool, typer.Option("--policies/--no-policies", help="Ask the rules of docs/policy.md.")
    ] = True,
) -> None:
    """Shows what `pulumi up` of a stack would change, and which rules of docs/policy.md it breaks.

    It looks into the backend that you are logged in to. Without a login it shows the whole stack, from a scratch state
    that is thrown away, and says so. In markdown and JSON it exits with 1 where the preview fails or a mandatory rule
    is broken, and with 3 where data or the last GPU node would be lost.
    """
    stack_file.path(CHECKOUT, stack)
    own = bool(os.environ.get("PULUMI_BACKEND_URL")) or _logged_in()
    if form is not Form.TEXT:
        code = previewed(
            stack, form, base, own_backend=own, data_loss_allowed=allow_data_loss, policies=policies
        )
        raise typer.Exit(code)
    rules = policy_pack.ready() if policies else []
    if own:
        _become_pulumi("preview", "--stack", stack, "--cwd", str(CHECKOUT), *rules)
    with tempfile.TemporaryDirectory(prefix="tts-platform-preview-") as directory:
        workspace = Workspace(stack=stack, directory=Path(directory))
        workspace.prepare({})
        workspace.run("preview", *rules)


def deploy(stack: Annotated[str, typer.Argument(help="dev or prod")]) -> None:
    """Updates a stack in the backend that you are logged in to, without asking; the policy pack may refuse it.

    A preview cannot know all values: a rule that it could not decide is decided here, before the resource is made.
    """
    stack_file.path(CHECKOUT, stack)
    options = ("--yes", "--skip-preview", "--non-interactive")
    _become_pulumi("up", *options, "--stack", stack, "--cwd", str(CHECKOUT), *policy_pack.ready())


def touched(
    base: Annotated[str, typer.Option(help="The branch that a change goes to.")] = "origin/main",
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Shows which stacks a change touches, by the files that differ from where it left its base."""
    stacks = by_files.touched(CHECKOUT, base)
    print(json.dumps(stacks) if as_json else "\n".join(stacks))


def comment(
    repository: Repository,
    pull_request: Number,
    file: Annotated[Path, typer.Argument(help="What `preview --format markdown` has printed.")],
) -> None:
    """Puts a preview's comment under a pull request, or in the place of the one that is there."""
    # Not above: slow to import, and only this and the next need it.
    from ops.preview.pull_request import publish

    print(publish(repository, pull_request, file.read_text(encoding="utf-8")))


def comments(
    repository: Repository,
    pull_request: Number,
    directory: Annotated[
        Path, typer.Argument(help="Directory with comment-STACK.md, what `preview --format markdown` prints.")
    ],
    stacks: Annotated[
        str | None, typer.Option(help="What `touched --json` has printed. Default: nobody knows.")
    ] = None,
    of: Annotated[str, typer.Option(help="Which commit it is about, or which run.")] = "this commit",
) -> None:
    """Puts previews under a pull request, in the place of those of an earlier push; what is missing is taken back."""
    from ops.preview.comments import publish_all

    known = json.loads(stacks) if stacks else None
    for url in publish_all(repository, pull_request, directory, known, of):
        print(url)


def _become_pulumi(*arguments: str) -> None:
    program = pulumi()
    os.execv(program, [program, *arguments])  # noqa: S606 - the person's own pulumi takes over from here


def _logged_in() -> bool:
    home = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    credentials = home / "credentials.json"
    return credentials.exists() and bool(json.loads(credentials.read_text()).get("current"))
