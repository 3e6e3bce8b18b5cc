"""The plugin that Pulumi starts as `pulumi-resource-aws`: its protocol, over the kinds in `tests/aws/resources/`.

A preview makes no call: what only AWS knows is unknown, so that it needs no account.
"""

import json
import signal
import sys
from concurrent import futures
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from tests.aws.changes import (
    REPLACING,
    Difference,
    auto_name,
    delete_first,
    differences,
    foreseen,
    outputs,
    top,
)
from tests.aws.failures import attempt, half_made
from tests.aws.resources import KINDS, LOOKUPS
from tests.aws.resources.kind import (
    Call,
    Clients,
    Inputs,
    Kind,
    is_gone,
    merge_tags,
    unknown_properties,
)
from tests.aws.values import UNKNOWN, Unknown, from_struct, has_unknown, to_struct

VERSION = "7.51.1"
"""That of the pulumi_aws whose program this serves: the engine asks for the plugin of the SDK's version."""

_CONFIG = frozenset({"region", "defaultTags", "allowedAccountIds", "version"})
# The SDK itself sends these, with or without anybody asking.
_CONFIG_IGNORED = frozenset(
    {"skipCredentialsValidation", "skipMetadataApiCheck", "skipRegionValidation", "pluginDownloadURL"}
)


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """What the engine calls. Each method's name and arguments are the protocol's."""

    def __init__(self) -> None:
        self.clients = Clients()
        self.region = ""
        self.default_tags: dict[str, Any] = {}

    def Handshake(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        return provider_pb2.ProviderHandshakeResponse(
            accept_secrets=False, accept_resources=False, accept_outputs=False
        )

    def GetPluginInfo(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        return plugin_pb2.PluginInfo(version=VERSION)

    def GetSchema(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        return provider_pb2.GetSchemaResponse(schema=json.dumps({"name": "aws", "version": VERSION}))

    def Attach(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        return Empty()

    def Cancel(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        return Empty()

    def CheckConfig(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        unknown = sorted(set(from_struct(request.news)) - _CONFIG - _CONFIG_IGNORED)
        return provider_pb2.CheckResponse(
            inputs=request.news,
            failures=[
                provider_pb2.CheckFailure(
                    property=name, reason=f"the provider's property {name} is not rehearsed"
                )
                for name in unknown
            ],
        )

    def DiffConfig(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        same = from_struct(request.old_inputs) == from_struct(request.news)
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_NONE if same else provider_pb2.DiffResponse.DIFF_SOME
        )

    def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802
        config = from_struct(request.args)
        self.region = config.get("region", "us-east-1")
        tags = _decoded(config.get("defaultTags"))
        self.default_tags = {} if isinstance(tags, Unknown) else (tags or {}).get("tags", {})
        allowed = _decoded(config.get("allowedAccountIds"))
        if allowed and not has_unknown(allowed):
            answered = LOOKUPS["aws:index/getCallerIdentity:getCallerIdentity"](
                Call(self.clients, self.region, {}, {}, preview=True)
            )
            if answered["accountId"] not in allowed:
                context.abort(
                    grpc.StatusCode.INVALID_ARGUMENT, f"AWS account ID not allowed: {answered['accountId']}"
                )
        return provider_pb2.ConfigureResponse(acceptSecrets=False, supportsPreview=True)

    def Invoke(self, request: Any, context: Any) -> Any:  # noqa: N802
        if request.tok not in LOOKUPS:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, f"{request.tok}: this lookup is not rehearsed")
        arguments = from_struct(request.args)
        call = Call(
            self.clients, arguments.get("region", self.region), arguments, {}, preview=request.preview
        )
        answer = attempt(context, request.tok, lambda: LOOKUPS[request.tok](call))
        return provider_pb2.InvokeResponse(**{"return": to_struct(answer)})

    def Check(self, request: Any, context: Any) -> Any:  # noqa: N802
        kind = _kind(request.urn, context)
        olds, news = from_struct(request.olds), from_struct(request.news)
        failures = [
            provider_pb2.CheckFailure(
                property=path, reason=f"{kind.resource_type}: property {path} is not rehearsed"
            )
            for path in unknown_properties(kind.all_fields(), news)
        ]
        if kind.auto_name and kind.auto_name not in news and f"{kind.auto_name}Prefix" not in news:
            news[kind.auto_name] = olds.get(kind.auto_name) or auto_name(
                kind, _name(request), request.randomSeed
            )
        if kind.regional:
            news.setdefault("region", self.region or UNKNOWN)
        return provider_pb2.CheckResponse(inputs=to_struct(news), failures=failures)

    def Diff(self, request: Any, context: Any) -> Any:  # noqa: N802
        kind = _kind(request.urn, context)
        old, new = from_struct(request.old_inputs), from_struct(request.news)
        state = from_struct(request.olds)
        details = dict(differences(kind, old, new))
        if kind.tagged and state.get("tagsAll", {}) != merge_tags(self.default_tags, new.get("tags")):
            details.setdefault("tagsAll", Difference(kind=Difference.UPDATE))
        if details and kind.must_replace(old, new):
            for difference in details.values():
                difference.kind = Difference.UPDATE_REPLACE
        replaces = [path for path, item in details.items() if item.kind in REPLACING]
        answer = provider_pb2.DiffResponse
        return answer(
            changes=answer.DIFF_SOME if details else answer.DIFF_NONE,
            replaces=sorted({top(path) for path in replaces}),
            diffs=sorted({top(path) for path in details}),
            detailedDiff=details,
            hasDetailedDiff=True,
            deleteBeforeReplace=bool(replaces) and delete_first(kind, _name(request), old, new),
        )

    def Create(self, request: Any, context: Any) -> Any:  # noqa: N802
        kind = _kind(request.urn, context)
        inputs = from_struct(request.properties)
        call = self._call(kind, inputs)
        if request.preview:
            return provider_pb2.CreateResponse(properties=to_struct(foreseen(kind, call, kind.computed)))

        def create() -> tuple[str, Inputs]:
            call.id = kind.create(call)
            return call.id, outputs(kind, call)

        what = f"creating {_name(request)}"
        identity, state = attempt(context, what, create, lambda reason: half_made(context, call, reason))
        return provider_pb2.CreateResponse(id=identity, properties=to_struct(state))

    def Read(self, request: Any, context: Any) -> Any:  # noqa: N802
        kind = _kind(request.urn, context)
        inputs, state = from_struct(request.inputs), from_struct(request.properties)
        if not inputs:
            context.abort(
                grpc.StatusCode.UNIMPLEMENTED,
                f"{kind.resource_type}: looking one up by its id is not rehearsed",
            )
        call = self._call(kind, inputs, id=request.id, state=state)

        def read() -> Inputs | None:
            try:
                return outputs(kind, call)
            except Exception as error:
                if is_gone(error):
                    return None
                raise

        found = attempt(context, f"reading {_name(request)}", read)
        if found is None:
            return provider_pb2.ReadResponse()
        found["tagsAll"] = state.get("tagsAll")
        return provider_pb2.ReadResponse(id=request.id, properties=to_struct(found), inputs=request.inputs)

    def Update(self, request: Any, context: Any) -> Any:  # noqa: N802
        kind = _kind(request.urn, context)
        inputs = from_struct(request.news)
        call = self._call(
            kind,
            inputs,
            id=request.id,
            state=from_struct(request.olds),
            old=from_struct(request.old_inputs),
        )
        if request.preview:
            return provider_pb2.UpdateResponse(properties=to_struct(foreseen(kind, call, kind.volatile)))

        def update() -> Inputs:
            kind.update(call)
            return outputs(kind, call)

        state = attempt(context, f"updating {_name(request)}", update)
        return provider_pb2.UpdateResponse(properties=to_struct(state))

    def Delete(self, request: Any, context: Any) -> Any:  # noqa: N802
        kind = _kind(request.urn, context)
        call = self._call(
            kind, from_struct(request.old_inputs), id=request.id, state=from_struct(request.properties)
        )

        def delete() -> None:
            try:
                kind.delete(call)
            except Exception as error:
                if not is_gone(error):
                    raise

        attempt(context, f"deleting {_name(request)}", delete)
        return Empty()

    def _call(self, kind: Kind, inputs: Inputs, **rest: Any) -> Call:
        tags = merge_tags(self.default_tags, inputs.get("tags")) if kind.tagged else {}
        region = inputs.get("region", self.region)
        return Call(self.clients, region if isinstance(region, str) else self.region, inputs, tags, **rest)


def _kind(urn: str, context: Any) -> Kind:
    token = urn.split("::")[2].rpartition("$")[2]
    if token not in KINDS:
        context.abort(grpc.StatusCode.UNIMPLEMENTED, f"{token}: this type is not rehearsed")
    kind: Kind = KINDS[token]
    return kind


def _decoded(value: Any) -> Any:
    """The SDK sends nested configuration as JSON text."""
    return json.loads(value) if isinstance(value, str) else value


def _name(request: Any) -> str:
    return str(request.urn.rpartition("::")[2])


def main() -> None:
    """Serves until the engine ends it."""
    provider = Provider()
    size = 400 * 1024 * 1024
    server = grpc.server(
        futures.ThreadPoolExecutor(max_workers=32),
        options=[("grpc.max_receive_message_length", size), ("grpc.max_send_message_length", size)],
    )
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server.wait_for_termination()


if __name__ == "__main__":
    main()
