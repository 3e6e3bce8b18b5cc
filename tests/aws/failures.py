"""Failures as Pulumi shows them: one line that says what was being done, and what is there in spite of it."""

import traceback
from collections.abc import Callable
from typing import Any, TypeVar

import grpc
from botocore.exceptions import BotoCoreError, ClientError
from google.protobuf import any_pb2
from google.rpc import status_pb2
from pulumi.runtime.proto import provider_pb2

from tests.aws.resources.kind import Call, Unrehearsed
from tests.aws.values import to_struct

Result = TypeVar("Result")


def attempt(
    context: Any,
    what: str,
    operation: Callable[[], Result],
    failed: Callable[[str], None] | None = None,
) -> Result:
    """The operation's result, or an error in one line that says what was being done."""
    try:
        return operation()
    except (ClientError, BotoCoreError, Unrehearsed) as error:
        reason = f"{what}: {_text(error)}"
        if failed is not None:
            failed(reason)
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, reason)
        raise
    except Exception as error:
        traceback.print_exc()
        reason = f"{what}: {type(error).__name__}: {error}"
        if failed is not None:
            failed(reason)
        context.abort(grpc.StatusCode.INTERNAL, reason)
        raise


def half_made(context: Any, call: Call, reason: str) -> None:
    """Tells the engine of what a failed creation has made already: else nobody would ever delete it."""
    if not call.id:
        return
    properties = to_struct({**call.inputs, **({"tagsAll": call.tags} if call.tags else {})})
    detail = any_pb2.Any()
    detail.Pack(
        provider_pb2.ErrorResourceInitFailed(
            id=call.id, properties=properties, reasons=[reason], inputs=to_struct(call.inputs)
        )
    )
    status = status_pb2.Status(
        code=grpc.StatusCode.FAILED_PRECONDITION.value[0], message=reason, details=[detail]
    )
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))


def _text(error: Exception) -> str:
    if isinstance(error, ClientError):
        detail = error.response["Error"]
        return f"{error.operation_name}: {detail.get('Code')}: {detail.get('Message') or ''}".strip()
    return str(error)
