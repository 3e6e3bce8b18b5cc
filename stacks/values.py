"""The types of config values. Each refuses what it cannot be with the reason, and with what to write instead."""

import ipaddress
import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from components.tts.snapshot_job.quantity import amount
from stacks.problems import Refusal

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_IMAGE = re.compile(
    r"(?P<name>([a-z0-9][a-zA-Z0-9.-]*(:\d+)?/)?[a-z0-9]+([._/-]+[a-z0-9]+)*)"
    r"(:(?P<tag>\w[\w.-]{0,127}))?(@(?P<digest>sha256:[0-9a-f]{64}))?",
    re.ASCII,
)
_MOVING_TAGS = frozenset(
    {
        "latest",
        "main",
        "master",
        "trunk",
        "head",
        "dev",
        "develop",
        "edge",
        "nightly",
        "stable",
        "snapshot",
        "canary",
        "prod",
    }
)


def _domain(text: str) -> str:
    labels = text.split(".")
    if len(text) > 253 or len(labels) < 2 or not all(_LABEL.fullmatch(label) for label in labels):
        raise Refusal(
            "is not a domain name.",
            "Write the bare name in lower case (tts.example.com): no scheme, port, path.",
        )
    if labels[-1].isdigit():
        raise Refusal(
            "is an address, and a certificate is for a name.", "Write a domain name (tts.example.com)."
        )
    return text


def _image(text: str) -> str:
    match = _IMAGE.fullmatch(text)
    if match is None:
        raise Refusal(
            "is not an image.", "Write registry/name:version (registry.example.com/speech/cosyvoice:1.4.2)."
        )
    tag, digest = match["tag"], match["digest"]
    version = (
        tag is not None
        and any(map(str.isdigit, tag))
        and not _MOVING_TAGS & set(re.split(r"[._-]", tag.lower()))
    )
    if digest is None and not version:
        name = match["name"]
        raise Refusal(
            "can change under a running service.",
            f"Write a version tag ({name}:1.4.2) or a digest ({name}@sha256:...).",
        )
    return text


def _whole(value: Any) -> int:
    text = str(value).strip()
    if not re.fullmatch(r"[1-9]\d{0,5}", text):
        raise Refusal("is not a whole number of 1 or more.", "Write 1, 2, 3...")
    return int(text)


def _gpus(value: Any) -> int:
    try:
        return _whole(value)
    except Refusal:
        raise Refusal(
            "is not a whole number of 1 or more, and a pod gets whole GPUs or none.", "Write 1, 2, 3..."
        ) from None


def _count(value: Any) -> int:
    text = str(value).strip()
    if not re.fullmatch(r"0|[1-9]\d{0,5}", text):
        raise Refusal("is not a whole number of 0 or more.", "Write 0, 1, 2...")
    return int(text)


def _flag(value: Any) -> bool:
    text = str(value).lower()
    if text not in ("true", "false"):
        raise Refusal("is neither true nor false.", "Write true or false.")
    return text == "true"


def _port(value: Any) -> int:
    text = str(value).strip()
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise Refusal("is not a port.", "Write a number from 1 to 65535.")
    return int(text)


def _storage_size(text: str) -> str:
    size = amount(text)
    if size is None or size < Decimal(1024) ** 2 or text.endswith("m"):
        raise Refusal("is not a storage size.", "Write a number and a unit (50Gi).")
    return text


def _cpu(text: Any) -> str:
    size = amount(str(text))
    if not size or size > 1024:
        raise Refusal("is not an amount of CPU.", "Write cores (2) or thousandths of one (500m).")
    return str(text)


def _memory(text: Any) -> str:
    size = amount(str(text))
    if size is None or size < Decimal(1024) ** 2:
        raise Refusal("is not an amount of memory.", "Write a number and a unit (8Gi).")
    return str(text)


def _cidr(text: str) -> str:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise Refusal("is not a CIDR.", "Write a network and its prefix length (10.0.16.0/20).") from None
    if str(network) != text:
        raise Refusal("is not the way its network is written.", f"Write {network}.")
    return text


def _edge_cidr(text: str) -> str:
    if ipaddress.ip_network(text).prefixlen == 0:
        raise Refusal(
            "lets every address reach the speech pods past Envoy.",
            "Write the edge nodes' own networks (10.0.16.0/20).",
        )
    return text


def https_url(instead: str) -> AfterValidator:
    """Takes an https URL; `instead` says which one is wanted."""

    def validate(text: str) -> str:
        if not re.fullmatch(r"https://[^\s/]+(/\S*)?", text):
            raise Refusal("is not an https URL.", instead)
        return text

    return AfterValidator(validate)


def _server_url(text: str) -> str:
    if not re.fullmatch(r"https?://[^\s/]+(/\S*)?", text):
        raise Refusal(
            "is not the URL of an API server.",
            "Write it as the kubeconfig does (https://203.0.113.7:6443).",
        )
    return text


def _email(text: str) -> str:
    local, at, domain = text.rpartition("@")
    if not (at and local and not re.search(r"\s", local) and "." in domain):
        raise Refusal("is not an e-mail address.", "Write one that is read (platform@example.com).")
    _domain(domain.lower())
    return text


def _pem(text: str) -> str:
    if "-----BEGIN CERTIFICATE-----" not in text or "-----END CERTIFICATE-----" not in text:
        raise Refusal("is not a certificate.", "Write the CA's certificate in PEM form, as a block (|).")
    return text


def _namespace(text: str) -> str:
    if not _LABEL.fullmatch(text):
        raise Refusal("is not a name for a namespace.", "Write lower-case letters, digits and dashes (tts).")
    return text


def _path(text: str) -> str:
    if not text.startswith(("/", "~/")):
        raise Refusal(
            "depends on the directory that Pulumi is started in.",
            "Write a path that begins with / or with ~/.",
        )
    return text


def _registry(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-zA-Z0-9.-]*(:\d+)?(/[a-z0-9._-]+)*/?", text):
        raise Refusal(
            "is not a registry.",
            "Write host, port and prefix without a scheme (registry.example.com/mirror).",
        )
    return text


def _variable(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z_]\w*", text, re.ASCII):
        raise Refusal(
            "is not a name for an environment variable.",
            "Write letters, digits and underscores (MAX_STREAMS).",
        )
    return text


def _text(value: Any) -> str:
    if isinstance(value, dict | list):
        raise Refusal("is not a single value.", "Write a text, a number, true or false.")
    return str(value).lower() if isinstance(value, bool) else str(value)


Domain = Annotated[str, AfterValidator(_domain)]
Image = Annotated[str, AfterValidator(_image)]
Whole = Annotated[int, BeforeValidator(_whole)]
Gpus = Annotated[int, BeforeValidator(_gpus)]
Count = Annotated[int, BeforeValidator(_count)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Port = Annotated[int, BeforeValidator(_port)]
StorageSize = Annotated[str, AfterValidator(_storage_size)]
Cpu = Annotated[str, BeforeValidator(_cpu)]
Memory = Annotated[str, BeforeValidator(_memory)]
Cidr = Annotated[str, AfterValidator(_cidr)]
EdgeCidr = Annotated[Cidr, AfterValidator(_edge_cidr)]
AcmeDirectory = Annotated[
    str, https_url("Write the ACME directory's URL (https://acme.example.com/directory).")
]
ServerUrl = Annotated[str, AfterValidator(_server_url)]
Email = Annotated[str, AfterValidator(_email)]
Pem = Annotated[str, AfterValidator(_pem)]
NamespaceName = Annotated[str, AfterValidator(_namespace)]
HomePath = Annotated[str, AfterValidator(_path)]
Registry = Annotated[str, AfterValidator(_registry)]
Variable = Annotated[str, AfterValidator(_variable)]
Text = Annotated[str, BeforeValidator(_text)]
