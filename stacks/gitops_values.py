"""The types of config values that only a delivery from git knows, each with its refusal."""

import re
from typing import Annotated

from pydantic import AfterValidator, SecretStr

from stacks.problems import Refusal
from stacks.values import Text, Whole, https_url


def _repository(text: str) -> str:
    https = re.fullmatch(r"https?://(\[[^\s/@]+\]|[^\s/@:]+)(:\d+)?/\S+", text)
    ssh = re.fullmatch(r"ssh://[^\s/@]+@[^\s/]+/\S+|[\w.-]+@[\w.-]+:\S+", text)
    scheme, rest = text.split("://", 1) if "://" in text else ("", text)
    user, given, _ = rest.partition("/")[0].rpartition("@")
    # An SSH URL has a user, who is no secret, and may have a password.
    if given and (":" in user or scheme not in ("", "ssh")):
        key = "gitSshKey" if scheme in ("", "ssh") else "gitToken"
        raise Refusal(
            "has a credential in it, which everybody can read here.",
            f"Write the URL without it, and keep the credential in {key}.",
            secret=True,
        )
    if not (https or ssh):
        raise Refusal(
            "is not the URL of a git repository.",
            "Write it as git clone takes it (https://github.com/acme/speech.git, git@github.com:acme/speech.git).",
            # A password may have any character, and then it is no URL.
            secret=re.search(r":[^@]*@", rest) is not None,
        )
    return text


def _revision(text: str) -> str:
    # https://git-scm.com/docs/git-check-ref-format
    if (
        not re.fullmatch(r"[\w][\w./-]*", text, re.ASCII)
        or ".." in text
        or text.endswith(("/", ".lock", "."))
    ):
        raise Refusal("is not a branch or a tag.", "Write its name (main).")
    return text


def _poll_seconds(seconds: int) -> int:
    if not 10 <= seconds <= 86400:
        raise Refusal("is not from 10 to 86400 seconds.", "Write 180, and let a webhook say what is new.")
    return seconds


def _secret(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().strip():
        raise Refusal("is blank.", "Set it again, or take it out.")
    return value


Repository = Annotated[str, AfterValidator(_repository)]
Revision = Annotated[Text, AfterValidator(_revision)]
PollSeconds = Annotated[Whole, AfterValidator(_poll_seconds)]
OidcIssuer = Annotated[
    Text, https_url("Write the provider's issuer URL (https://login.acme.io/realms/acme).")
]
Secret = Annotated[SecretStr, AfterValidator(_secret)]
