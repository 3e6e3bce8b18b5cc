"""`ops preview` in a form for pull requests and scripts."""

from __future__ import annotations

import json
import sys
from enum import StrEnum

from ops import policy_pack, stack_file
from ops.errors import OpsError
from ops.preview.comment import comment
from ops.preview.delivered import delivered
from ops.preview.engine import of_nothing, of_own_backend
from ops.preview.plan import Change, Plan
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
    policies: bool,
) -> int:
    """Prints the review of a stack, and returns the exit code; why it is not 0 stands on the error stream."""
    plan, changes = _seen(stack, base, own_backend=own_backend, policies=policies)
    review = Review(
        stack=stack,
        plan=plan,
        delivered=changes,
        data_loss_allowed=data_loss_allowed,
        from_nothing=not own_backend,
    )
    print(comment(review) if form is Form.MARKDOWN else json.dumps(review.as_json(), indent=2), end="")
    if review.refusal is not None:
        print(f"\nerror: {review.refusal}", file=sys.stderr)
    return review.code


def _seen(
    stack: str, base: str | None, *, own_backend: bool, policies: bool
) -> tuple[Plan, tuple[Change, ...]]:
    """What Pulumi would change, and Argo CD. What cannot be had at all is a reason to say so, as a failed preview."""
    try:
        changes = tuple(_delivered(stack, base)) if base else ()
        rules = policy_pack.ready() if policies else []
        return (of_own_backend if own_backend else of_nothing)(stack, rules), changes
    except OpsError as error:
        return Plan(failed=True, errors=(str(error),)), ()


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
