"""All comments of a pull request at once: each stack's is that of this commit, or says that it is not.

A comment that an earlier push has left would be read as if it were about this one.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import Final

from ops.errors import OpsError
from ops.preview.comment import marker
from ops.preview.markdown import code, escaped
from ops.preview.pull_request import markers, publish

_FILES: Final = "comment-{}.md"
_STACK: Final = re.compile(marker(r"(\S+)"))


def publish_all(
    repository: str, number: int, directory: Path, touched: Collection[str] | None, of: str
) -> list[str]:
    """Publishes `comment-STACK.md` of each stack, edits what is left from earlier, and returns the URLs.

    `touched` is None where nobody could say; `of` says which commit it is. Raises OpsError, at the end, for what GitHub
    refuses and for each touched stack that has no comment.
    """
    texts = {
        file.stem.partition("-")[2]: text
        for file in sorted(directory.glob(_FILES.format("*")))
        if (text := file.read_text(encoding="utf-8")).strip()
    }
    urls, wrong = [], [f"no preview of {stack} was written" for stack in touched or () if stack not in texts]
    for stack, text in texts.items():
        try:
            # By its first line a comment is found: another stack's would be edited.
            if text.partition("\n")[0] != marker(stack):
                raise OpsError(f"what is in {_FILES.format(stack)} is no comment of that stack")
            urls.append(publish(repository, number, f"{text.rstrip()}\n\nOf {escaped(of)}.\n"))
        except OpsError as error:
            wrong.append(f"{stack}: {error}")
    urls.extend(
        publish(repository, number, _instead(stack, touched, of))
        for stack in _with_comment(repository, number)
        if stack not in texts
    )
    if wrong:
        raise OpsError("; ".join(wrong))
    return urls


def _with_comment(repository: str, number: int) -> list[str]:
    found = (_STACK.fullmatch(line) for line in markers(repository, number))
    return sorted(match[1] for match in found if match)


def _instead(stack: str, touched: Collection[str] | None, of: str) -> str:
    gone = touched is not None and stack not in touched
    said = "not touched any more" if gone else "the preview did not run"
    return f"{marker(stack)}\n\n### {code(stack)}: {said}\n\nOf {escaped(of)}.\n"
