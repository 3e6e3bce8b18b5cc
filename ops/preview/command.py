"""`ops preview` in a form for pull requests and scripts."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from enum import StrEnum

from ops import stack_file
from ops.errors import OpsError
from ops.preview.comment import comment
from ops.preview.delivered import delivered
from ops.preview.engine import of_nothing, of_own_backend
from ops.preview.plan import Change
from ops.preview.review import Review
from ops.workspace import CHECKOUT
from stacks.choices import Delivery
from stacks.problems import SettingsError


class Form(StrEnum):
    """How a preview is shown."""

    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"


def previewed(
    stack: str,
    form: Form,
    base: str | None,
    *,
    own_backend: bool,
    data_loss_allowed: bool,
    arguments: Sequence[str] = (),
) -> int:
    """Prints the review of a stack, and returns the exit code; why it is not 0 stands on the error stream.

    `arguments` are `pulumi preview`'s, as --policy-pack.
    """
    plan = of_own_backend(stack, arguments) if own_backend else of_nothing(stack, arguments)
    review = Review(
        stack=stack,
        plan=plan,
        delivered=tuple(_delivered(stack, base)) if base else (),
        data_loss_allowed=data_loss_allowed,
    )
    print(comment(review) if form is Form.MARKDOWN else json.dumps(review.as_json(), indent=2), end="")
    if review.refusal is not None:
        print(f"\nerror: {review.refusal}", file=sys.stderr)
    return review.code


def _delivered(stack: str, base: str) -> list[Change]:
    try:
        settings = stack_file.read(CHECKOUT, stack).settings
    except SettingsError:
        # The preview says so itself.
        return []
    if settings.delivery is not Delivery.GITOPS:
        return []
    try:
        return delivered(CHECKOUT, stack, base)
    except OpsError as error:
        raise OpsError(f"The manifests of {stack} cannot be compared: {error}") from None
