"""The cluster's certificates and kubeconfigs.

The authority and the service account key live as long as the cluster; everything that they sign is issued anew at each
start, so nothing expires under a cluster that is started now and then.
"""

from __future__ import annotations

import base64
import datetime
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from local.cluster.layout import NODES, Cluster
from local.errors import LocalError

VALIDITY = datetime.timedelta(days=365)
AUTHORITY_VALIDITY = datetime.timedelta(days=3650)


@dataclass(frozen=True)
class Authority:
    """A certificate authority and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def issue_all(cluster: Cluster) -> None:
    """Writes every certificate, key and kubeconfig that a process of the cluster reads."""
    pki = cluster.pki
    pki.mkdir(parents=True, exist_ok=True, mode=0o700)
    authority = _authority(pki)
    if not (pki / "service-account.key").exists():
        _write_key(pki / "service-account.key", ec.generate_private_key(ec.SECP256R1()))
    names = [
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
    ]
    addresses = [cluster.control_address, cluster.api_service_address, IPv4Address("127.0.0.1")]
    _issue(authority, pki / "apiserver", "kube-apiserver", names=[*names, "localhost"], addresses=addresses)
    _issue(authority, pki / "apiserver-kubelet", "kube-apiserver-kubelet-client", group="system:masters")
    for node in NODES:
        _issue(
            authority,
            pki / f"kubelet-{node}",
            f"system:node:{node}",
            group="system:nodes",
            names=[node],
            addresses=[cluster.node_address(node)],
        )
        _kubeconfig(cluster, pki / f"kubelet-{node}", pki / f"kubelet-{node}.kubeconfig")
    for user, common_name, group in (
        ("controller-manager", "system:kube-controller-manager", None),
        ("scheduler", "system:kube-scheduler", None),
        ("kube-proxy", "system:kube-proxy", "system:node-proxier"),
        ("admin", f"{cluster.name}-admin", "system:masters"),
    ):
        _issue(authority, pki / user, common_name, group=group)
        _kubeconfig(cluster, pki / user, pki / f"{user}.kubeconfig")
    _kubeconfig(cluster, pki / "admin", cluster.kubeconfig)


def _authority(pki: Path) -> Authority:
    certificate_file, key_file = pki / "ca.crt", pki / "ca.key"
    if certificate_file.exists() and key_file.exists():
        key = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise LocalError(
                f"{key_file} is not a key that this program made: make down removes the cluster."
            )
        return Authority(x509.load_pem_x509_certificate(certificate_file.read_bytes()), key)
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("tts-platform embedded cluster")
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        _builder(name, name, key.public_key(), AUTHORITY_VALIDITY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    _write_key(key_file, key)
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return Authority(certificate, key)


def _issue(
    authority: Authority,
    target: Path,
    common_name: str,
    *,
    group: str | None = None,
    names: list[str] | None = None,
    addresses: list[IPv4Address] | None = None,
) -> None:
    """Writes `<target>.crt` and `<target>.key`, good for serving and for calling."""
    key = ec.generate_private_key(ec.SECP256R1())
    usages = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
    builder = _builder(_name(common_name, group), authority.certificate.subject, key.public_key(), VALIDITY)
    builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in names or []]
    alternatives += [x509.IPAddress(address) for address in addresses or []]
    if alternatives:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    certificate = builder.sign(authority.key, hashes.SHA256())
    _write_key(target.with_name(f"{target.name}.key"), key)
    target.with_name(f"{target.name}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, validity: datetime.timedelta
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        # A minute's grace for a clock that is set right after the start.
        .not_valid_before(now - datetime.timedelta(minutes=1))
        .not_valid_after(now + validity)
    )


def _name(common_name: str, group: str | None = None) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if group is not None:
        attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, group))
    return x509.Name(attributes)


def _write_key(file: Path, key: ec.EllipticCurvePrivateKey) -> None:
    encoded = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    file.touch(mode=0o600)
    file.write_bytes(encoded)


def _kubeconfig(cluster: Cluster, credentials: Path, target: Path) -> None:
    """A kubeconfig that carries its credentials, so that it can be copied elsewhere."""
    name = f"tts-platform-{cluster.name}"
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "clusters": [
            {
                "name": name,
                "cluster": {
                    "server": cluster.server,
                    "certificate-authority-data": _encoded(cluster.pki / "ca.crt"),
                },
            }
        ],
        "users": [
            {
                "name": name,
                "user": {
                    "client-certificate-data": _encoded(credentials.with_name(f"{credentials.name}.crt")),
                    "client-key-data": _encoded(credentials.with_name(f"{credentials.name}.key")),
                },
            }
        ],
    }
    target.touch(mode=0o600)
    target.write_text(yaml.safe_dump(document, sort_keys=False))


def _encoded(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()
