"""Who signs."""

import base64

from components.issuer import AcmeIssuer, ClusterIssuer, ClusterIssuerArgs, InClusterCa, IssuerKind
from tests.support.recording import Recording, record


def issuer(kind: IssuerKind) -> Recording:
    def program() -> None:
        ClusterIssuer("issuer", ClusterIssuerArgs(issuer=kind, cert_manager_namespace="cert-manager"))

    return record(program)


def test_an_acme_servers_own_ca_is_handed_over() -> None:
    acme = AcmeIssuer(server="https://acme.example.com/directory", email="platform@example.com", ca="PEM")
    spec = issuer(acme).object("ClusterIssuer", "acme")["spec"]["acme"]
    assert spec["server"] == "https://acme.example.com/directory"
    assert spec["email"] == "platform@example.com"
    assert base64.b64decode(spec["caBundle"]) == b"PEM"


def test_a_challenge_comes_in_through_contour() -> None:
    acme = AcmeIssuer(server="https://acme.example.com/directory", email="platform@example.com")
    spec = issuer(acme).object("ClusterIssuer", "acme")["spec"]["acme"]
    assert spec["solvers"] == [{"http01": {"ingress": {"class": "contour"}}}]
    assert "caBundle" not in spec


def test_a_ca_in_the_cluster_signs_by_a_key_of_its_own() -> None:
    recording = issuer(InClusterCa())
    certificate = recording.object("Certificate", "in-cluster-ca")
    assert certificate["spec"]["isCA"] is True
    assert certificate["metadata"]["namespace"] == "cert-manager", (
        "a ClusterIssuer looks for its secret there only"
    )
    spec = recording.object("ClusterIssuer", "in-cluster-ca")["spec"]
    assert spec["ca"]["secretName"] == certificate["spec"]["secretName"]
