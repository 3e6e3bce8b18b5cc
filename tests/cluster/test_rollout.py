"""New versions under load: a good one is not noticed, and a bad one takes nothing away."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.cluster.layout import Cluster
from tests.cluster.conftest import speaks
from tests.cluster.deployed import IMPATIENT, Deployed
from tests.cluster.door import Door
from tests.cluster.load import Load
from tests.cluster.running import NAMESPACE, SPEECH, Measured, Running, eventually
from tests.cluster.started import add_images

IMAGE = "localhost/tts-platform/espeak"
GOOD, CRASHES, NEVER_READY = "1.0.1", "1.0.2", "1.0.3"


@pytest.fixture(scope="module", autouse=True)
def _images(cluster: Cluster) -> None:
    """The further versions, on both nodes."""
    add_images(cluster, Path(__file__).with_name("images.toml"))


@pytest.fixture(autouse=True)
def _as_it_was(deployed: Deployed) -> Iterator[None]:
    before = dict(deployed.settings)
    yield
    if deployed.settings != before:
        deployed.settings = before
        deployed.up()


def test_a_new_version_loses_no_request(
    running: Running, deployed: Deployed, any_door: Door, measured: Measured
) -> None:
    with Load(any_door) as load:
        time.sleep(3)
        measured.timed("pulumi up, new image under load", lambda: deployed.change(image=f"{IMAGE}:{GOOD}"))
        assert _alone(running) == f"{IMAGE}:{GOOD}", "the update did not reach the pods"
        deployed.change(image=None)
        assert _alone(running) == f"{IMAGE}:1.0.0", "nor did the way back"
        time.sleep(3)
    assert not load.lost, load.account
    assert load.served["reconnect"] >= 2, "no pod was replaced under the load, so nothing was shown"
    assert min(load.served[kind] for kind in ("request", "websocket", "conversation")) > 30, (
        "there was no load"
    )
    assert load.served["stream"] >= 3


@pytest.mark.parametrize(
    ("tag", "reason"),
    [(CRASHES, "CrashLoopBackOff"), (NEVER_READY, "containers with unready status: [speech]")],
    ids=["crashes", "never-ready"],
)
def test_a_bad_version_leaves_the_old_one_serving(
    running: Running, deployed: Deployed, any_door: Door, measured: Measured, tag: str, reason: str
) -> None:
    before = dict(deployed.settings)
    old = running.speech_pod()
    deployed.settings = {**before, **IMPATIENT, "image": f"{IMAGE}:{tag}"}
    with Load(any_door) as load:
        run = measured.timed(
            f"pulumi up fails, image {tag}", lambda: deployed.pulumi("up", "--yes", "--skip-preview")
        )
        assert _still_serves(running, old), "the old version went before the new one was any good"
        started = time.monotonic()
        deployed.settings = before
        deployed.up()
        eventually(lambda: speaks(any_door), 60, "the service speaks after the old image is set again")
        recovery = time.monotonic() - started
    measured.record(f"recovery from image {tag}", recovery)
    printed = run.stdout + run.stderr
    assert run.returncode != 0, "a broken update was called a success"
    assert reason in printed, f"the person is not told why:\n{printed[-3000:]}"
    assert "ProgressDeadlineExceeded" in printed, "nor that it was waited for long enough"
    assert not load.lost, load.account
    assert recovery < 60, "setting the old image back recovers within a minute"
    assert _still_serves(running, old), "the old pod was replaced on the way back: a model would load again"


def _alone(running: Running) -> str:
    """The image of the one speech pod that is left when all others have ended."""

    def left() -> Any:
        pods = running.all_pods(NAMESPACE, SPEECH)
        return pods[0].spec.containers[0].image if len(pods) == 1 else None

    image: str = eventually(left, 90, "the pod of the other version ends")
    return image


def _still_serves(running: Running, old: Any) -> bool:
    return old.metadata.uid in {pod.metadata.uid for pod in running.ready_pods(NAMESPACE, SPEECH)}
