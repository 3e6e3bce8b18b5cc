"""What hands do to the cluster: git's own is healed, a stranger is left alone, and what git forgets goes."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from tests.cluster.conftest import speaks
from tests.cluster.running import NAMESPACE, eventually
from tests.gitops.delivered import IMAGE, PATIENCE, Delivered


def test_a_hand_edit_is_healed(delivered: Delivered) -> None:
    apps, core = delivered.running.apps, delivered.running.core
    image = delivered.deployment().spec.template.spec.containers[0].image
    container = {"name": "speech", "image": f"{IMAGE}:1.0.2"}
    edit = {"spec": {"replicas": 3, "template": {"spec": {"containers": [container]}}}}
    apps.patch_namespaced_deployment("speech", NAMESPACE, edit)
    core.patch_namespaced_config_map("inference-cfg", NAMESPACE, {"data": {"OUTPUTS_DIR": "/nowhere"}})

    def as_in_git() -> bool:
        spec = delivered.deployment().spec
        environment = core.read_namespaced_config_map("inference-cfg", NAMESPACE).data
        return (spec.replicas, spec.template.spec.containers[0].image, environment["OUTPUTS_DIR"]) == (
            1,
            image,
            "/outputs",
        )

    eventually(as_in_git, PATIENCE, "replicas, image and environment are git's")
    delivered.until_healthy_at(delivered.server.head)
    assert speaks(delivered.door), "the edit would have crashed it"


def test_a_variable_of_the_deployments_is_healed_and_a_further_one_is_not(
    delivered: Delivered, with_a_variable: str
) -> None:
    more = [{"name": with_a_variable, "value": "by hand"}, {"name": "MORE", "value": "by hand"}]
    edit = {"spec": {"template": {"spec": {"containers": [{"name": "speech", "env": more}]}}}}
    apps = delivered.running.apps
    edited = apps.patch_namespaced_deployment("speech", NAMESPACE, edit)
    assert variables(edited)[with_a_variable] == "by hand", "there is nothing to heal"
    eventually(
        lambda: variables(delivered.deployment())[with_a_variable] == "of git's",
        PATIENCE,
        "what git has is as git has it",
    )
    delivered.until_healthy_at(delivered.server.head)
    assert variables(delivered.deployment())["MORE"] == "by hand", "of this one git says nothing"
    without = {"name": "speech", "env": [{"name": "MORE", "$patch": "delete"}]}
    edit = {"spec": {"template": {"spec": {"containers": [without]}}}}
    assert "MORE" not in variables(apps.patch_namespaced_deployment("speech", NAMESPACE, edit))


@pytest.fixture
def with_a_variable(delivered: Delivered) -> Iterator[str]:
    """A variable of the Deployment's own, which the code does not render: its pods take theirs from the ConfigMap."""
    manifest = delivered.manifest("deployment-speech.yaml")
    rendered = manifest.read_text()
    document = yaml.safe_load(rendered)
    (container,) = document["spec"]["template"]["spec"]["containers"]
    container["env"] = [{"name": "OF_GIT", "value": "of git's"}]
    manifest.write_text(yaml.safe_dump(document))
    delivered.until_healthy_at(told(delivered, "A variable"))
    yield "OF_GIT"
    manifest.write_text(rendered)
    delivered.until_healthy_at(told(delivered, "As rendered"))
    assert "OF_GIT" not in variables(delivered.deployment())


def variables(deployment: Any) -> dict[str, str]:
    """The speech container's own, beside those of the ConfigMap."""
    (container,) = deployment.spec.template.spec.containers
    return {variable.name: variable.value for variable in container.env or []}


def test_a_stranger_is_left_alone(delivered: Delivered) -> None:
    stranger = client.V1ConfigMap(metadata=client.V1ObjectMeta(name="by-hand"), data={"a": "b"})
    delivered.running.core.create_namespaced_config_map(NAMESPACE, stranger)
    commit = delivered.release_the_other()
    assert delivered.webhook().status_code == 200
    delivered.until_healthy_at(commit)
    assert delivered.running.core.read_namespaced_config_map("by-hand", NAMESPACE).data == {"a": "b"}, (
        "git never had it, so git has no say in it"
    )
    delivered.running.core.delete_namespaced_config_map("by-hand", NAMESPACE)


def test_what_git_forgets_goes(delivered: Delivered) -> None:
    extra = delivered.manifest("extra.yaml")
    document = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "extra", "namespace": NAMESPACE},
    }
    extra.write_text(yaml.safe_dump(document))
    delivered.until_healthy_at(told(delivered, "An object more"))
    assert is_there(delivered, "extra")
    extra.unlink()
    delivered.until_healthy_at(told(delivered, "An object less"))
    eventually(
        lambda: not is_there(delivered, "extra"), PATIENCE, "what git had and has no longer is removed"
    )


def told(delivered: Delivered, message: str) -> str:
    commit = delivered.commit(message)
    assert delivered.webhook().status_code == 200
    return commit


def is_there(delivered: Delivered, name: str) -> bool:
    try:
        delivered.running.core.read_namespaced_config_map(name, NAMESPACE)
    except ApiException as error:
        if error.status != 404:
            raise
        return False
    return True
