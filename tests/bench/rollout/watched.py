"""When the API server told of each change of one HTTPProxy."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

from kubernetes import client, config, watch

from tests.bench.rollout.proxies import GROUP, NAMESPACE
from tests.cluster.running import Running, eventually


class Watch:
    """Notes when the API server told of each change of one HTTPProxy, as a `with` block."""

    def __init__(self, running: Running, number: int) -> None:
        # A client of its own, as it is used by a thread of its own.
        api = config.new_client_from_config(config_file=str(running.cluster.kubeconfig))
        self._objects = client.CustomObjectsApi(api)
        self._name = f"route-{number:04}"
        self._watch = watch.Watch()
        self._heard: dict[str, float] = {}
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        eventually(lambda: bool(self._all_heard()), 20, "the watch reports what is there")
        return self

    def __exit__(self, *_: object) -> None:
        self._watch.stop()
        self._thread.join(5)

    def heard(self, said: str) -> float:
        """When it was told that the route says this."""
        eventually(lambda: said in self._all_heard(), 10, "the watch reports the change")
        return self._heard[said]

    def _all_heard(self) -> Mapping[str, float]:
        """RuntimeError where the watch has ended by itself."""
        if not self._thread.is_alive():
            raise RuntimeError(f"the watch of {self._name} has ended") from self._failure
        return self._heard

    def _run(self) -> None:
        try:
            self._listen()
        except Exception as failure:  # noqa: BLE001 - raised where what it has heard is asked for
            self._failure = failure

    def _listen(self) -> None:
        events = self._watch.stream(
            self._objects.list_namespaced_custom_object,
            *GROUP,
            NAMESPACE,
            "httpproxies",
            field_selector=f"metadata.name={self._name}",
            timeout_seconds=3600,
        )
        for event in events:
            body = event["object"]["spec"]["routes"][0]["directResponsePolicy"]["body"]
            self._heard.setdefault(body, time.monotonic())
