"""What every kind of resource has in common: the properties that it knows, and how a request is made of them."""

import json
import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.aws.values import Unknown

ENDPOINT = "TTS_AWS_ENDPOINT"

Inputs = dict[str, Any]


class Unrehearsed(Exception):
    """Something that nothing here carries out, or that AWS would refuse."""


class Gone(Exception):
    """AWS has no such thing any more."""


@dataclass(frozen=True)
class Handled:
    """A property that the code of its kind sees to; `children` are the names that may stand inside it."""

    children: Mapping[str, "Field"] | None = None


@dataclass(frozen=True)
class Block:
    """A nested object, or a list of them."""

    name: str
    children: Mapping[str, "Field"]


@dataclass(frozen=True)
class Converted:
    """A property whose value AWS wants in another form."""

    name: str
    convert: Callable[[Any], Any]


Field = str | Handled | Block | Converted
"""How a property becomes a parameter of AWS: a text is the parameter's name, the value stays."""

HANDLED = Handled()


def known(fields: Mapping[str, Field]) -> Mapping[str, Field]:
    """The properties of a kind, which nothing changes."""
    return MappingProxyType(dict(fields))


def handled(*names: str) -> dict[str, Field]:
    """Properties that the code of their kind sees to."""
    return dict.fromkeys(names, HANDLED)


def as_json(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def parameters(fields: Mapping[str, Field], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The request's parameters that are made of properties alone."""
    made: dict[str, Any] = {}
    for key, value in inputs.items():
        known = fields.get(key, HANDLED)
        if isinstance(known, str):
            made[known] = value
        elif isinstance(known, Converted):
            made[known.name] = known.convert(value)
        elif isinstance(known, Block):
            made[known.name] = (
                [parameters(known.children, item) for item in value]
                if isinstance(value, list)
                else parameters(known.children, value)
            )
    return made


def unknown_properties(
    fields: Mapping[str, Field], inputs: Mapping[str, Any], path: str = ""
) -> Iterator[str]:
    """Paths of the properties that no field names."""
    for key, value in inputs.items():
        here = f"{path}.{key}" if path else key
        known = fields.get(key)
        if known is None:
            yield here
            continue
        children = known.children if isinstance(known, Block | Handled) else None
        if children is not None:
            for item in as_list(value):
                if isinstance(item, Mapping):
                    yield from unknown_properties(children, item, here)


@dataclass
class Clients:
    """boto3 clients of the account."""

    made: dict[tuple[str, str], Any] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, service: str, region: str) -> Any:
        endpoint = os.environ.get(ENDPOINT)
        if not endpoint:
            raise Unrehearsed(
                f"{ENDPOINT} is not set: start tests.aws.account.Account and pass its environment"
            )
        with self.lock:
            if (service, region) not in self.made:
                # A thread-safe client, but only one thread at a time may make one.
                self.made[service, region] = boto3.client(
                    service,
                    region_name=region,
                    endpoint_url=endpoint,
                    aws_access_key_id="stand-in",
                    aws_secret_access_key="stand-in",  # noqa: S106  # moto asks for some
                    # The server is asked once: an answer of 500 is a defect, not weather.
                    config=Config(
                        retries={"total_max_attempts": 1}, max_pool_connections=32, read_timeout=60
                    ),
                )
            return self.made[service, region]


@dataclass
class Call:
    """One operation on one resource."""

    clients: Clients
    region: str
    inputs: Inputs
    tags: dict[str, str]
    """The resource's own tags over the provider's default ones."""

    id: str = ""
    state: Inputs = field(default_factory=dict)
    """Its outputs as they were last."""

    old: Inputs = field(default_factory=dict)
    """In an update, its inputs as they were."""

    preview: bool = False

    def client(self, service: str) -> Any:
        return self.clients.get(service, self.region)

    def changed(self, *names: str) -> bool:
        return any(self.inputs.get(name) != self.old.get(name) for name in names)

    @property
    def old_tags(self) -> dict[str, str]:
        return dict(self.state.get("tagsAll", {}))


class Kind:
    """One resource type. Its class attributes are what Check and Diff go by, its methods are the calls."""

    resource_type: ClassVar[str]
    fields: ClassVar[Mapping[str, Field]]
    replaces: ClassVar[frozenset[str]] = frozenset()
    """Paths of properties that AWS cannot change: another value is another resource."""

    updates: ClassVar[bool] = True
    """False where any change makes another resource."""

    computed: ClassVar[tuple[str, ...]] = ()
    """Paths of outputs that AWS alone knows; unknown in a preview of a creation."""

    volatile: ClassVar[tuple[str, ...]] = ()
    """Those of them that an update changes."""

    auto_name: ClassVar[str | None] = None
    name_length: ClassVar[int] = 255
    tagged: ClassVar[bool] = False
    regional: ClassVar[bool] = True
    """False for what is in no region, and has no such property."""

    delete_first: ClassVar[bool] = False
    """Whether the old one goes before the new one comes."""

    def all_fields(self) -> dict[str, Field]:
        extra: dict[str, Field] = {}
        if self.regional:
            extra["region"] = HANDLED
        if self.tagged:
            extra["tags"] = HANDLED
        return {**self.fields, **extra}

    def replaces_on(self, path: str) -> bool:
        plain = re.sub(r"\[\d+\]", "", path)
        return not self.updates or any(
            plain == forced or plain.startswith(f"{forced}.") for forced in self.replaces
        )

    def must_replace(self, old: Inputs, new: Inputs) -> bool:  # noqa: ARG002  # for the kinds that look at values
        """Changes that no single property tells."""
        return False

    def create(self, call: Call) -> str:
        """Makes it and returns its id."""
        raise NotImplementedError

    def read(self, call: Call) -> Inputs:
        """Its computed outputs. Raises Gone, or a not-found error of AWS, where it is no more."""
        raise NotImplementedError

    def update(self, call: Call) -> None:  # noqa: ARG002  # for the kinds that have more to say
        raise Unrehearsed(f"{self.resource_type}: an update is not rehearsed")

    def delete(self, call: Call) -> None:
        raise NotImplementedError


def is_gone(error: Exception) -> bool:
    if isinstance(error, Gone):
        return True
    if not isinstance(error, ClientError):
        return False
    code = str(error.response["Error"].get("Code", ""))
    return "NotFound" in code or code.startswith("NoSuch") or code in ("404", "ResourceNotFoundException")


def merge_tags(defaults: Mapping[str, Any], own: Any) -> dict[str, Any]:
    if isinstance(own, Unknown):
        return dict(defaults)
    return {**defaults, **(own or {})}


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def tags_gone(call: Call) -> list[str]:
    return [key for key in call.old_tags if key not in call.tags]


def fields_of(*names: str) -> dict[str, Field]:
    """Properties whose parameters are called the same, but for the first letter."""
    return {name: name[0].upper() + name[1:] for name in names}


def subset(inputs: Mapping[str, Any], *names: str) -> Inputs:
    return {name: inputs[name] for name in names if name in inputs}
