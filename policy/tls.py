"""Nothing is served in clear."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from policy.model import Resource, Rule, Settings, kubernetes


def _check(proxy: Resource, _: Settings) -> Iterator[str]:
    if proxy.kind == "Ingress":
        # By default, with its own TLS too.
        yield "Contour serves an Ingress in clear."
        return
    spec = proxy.properties.get("spec") or {}
    host = spec.get("virtualhost")
    if host is not None:
        tls = host.get("tls") or {}
        if not tls.get("secretName") and not tls.get("passthrough"):
            yield f"{host.get('fqdn', 'The virtual host')} has no TLS."
        elif tls.get("minimumProtocolVersion") not in (None, "1.2", "1.3"):
            yield f"{host.get('fqdn', 'The virtual host')} speaks TLS {tls['minimumProtocolVersion']}."
    if any(route.get("permitInsecure") for route in spec.get("routes") or ()):
        yield "A route is served in clear too: permitInsecure."


RULES: Final = (
    Rule(
        name="httpproxy-tls",
        says="Every HTTPProxy has TLS 1.2 or newer, and nothing beside it; there is no Ingress.",
        reason="What people have spoken, and what they sign in with, is otherwise read on the way.",
        fix="Write an HTTPProxy with virtualhost.tls.secretName, a Certificate's Secret, and without permitInsecure.",
        types=kubernetes("HTTPProxy", "Ingress"),
        check=_check,
    ),
)
