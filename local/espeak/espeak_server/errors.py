"""Every refusal, in the shape that OpenAI's clients read: `{"error": {message, type, param, code}}`.

`type` and the numeric `code` are those of vLLM-Omni.
"""

from pydantic import ValidationError

TYPES = {
    400: "BadRequestError",
    404: "NotFoundError",
    405: "MethodNotAllowedError",
    413: "RequestEntityTooLargeError",
    415: "UnsupportedMediaTypeError",
    500: "InternalServerError",
    503: "ServiceUnavailableError",
}


class SpeechError(Exception):
    """A refusal, or a failure, that the client is told about in these words."""

    def __init__(self, status: int, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param

    def body(self) -> dict[str, object]:
        """The JSON body."""
        kind = TYPES.get(self.status, "HTTPError")
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.status}}


def from_validation(failure: ValidationError) -> SpeechError:
    """All problems in one message; what the client sent is not repeated in it."""
    # include_input and include_url off: the input is the utterance.
    problems = failure.errors(include_url=False, include_input=False)
    if problems[0]["type"] == "json_invalid":
        return SpeechError(400, "This is not valid JSON.")
    params = [".".join(str(part) for part in problem["loc"]) for problem in problems]
    lines = [
        f"{param}: {problem['msg']}" if param else problem["msg"]
        for param, problem in zip(params, problems, strict=True)
    ]
    return SpeechError(400, "; ".join(lines), params[0] or None)
