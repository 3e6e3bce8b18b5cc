"""What hands do to the cluster: git's own is healed, a stranger is left alone, and what git forgets goes."""

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
