"""Keys that have a few values to choose from."""

from enum import StrEnum


class AccessMode(StrEnum):
    """From how many nodes at once a volume is mounted."""

    READ_WRITE_ONCE = "ReadWriteOnce"
    """One. A block device, as EBS."""

    READ_WRITE_MANY = "ReadWriteMany"
    """Many. A network file system, as EFS."""


class Snapshots(StrEnum):
    """How the volumes can be snapshot."""

    CSI = "csi"
    """By the volumes' CSI driver, through the snapshot controller."""

    NONE = "none"


class Issuer(StrEnum):
    """Who signs the certificate."""

    LETSENCRYPT = "letsencrypt"
    LETSENCRYPT_STAGING = "letsencrypt-staging"
    """Without the rate limits of the real one, and trusted by no browser."""

    ACME = "acme"
    """Another ACME server, at `acmeServer`."""

    IN_CLUSTER_CA = "in-cluster-ca"


ACME_DIRECTORIES = {
    Issuer.LETSENCRYPT: "https://acme-v02.api.letsencrypt.org/directory",
    Issuer.LETSENCRYPT_STAGING: "https://acme-staging-v02.api.letsencrypt.org/directory",
}
"""https://letsencrypt.org/docs/acme-protocol-updates and https://letsencrypt.org/docs/staging-environment"""


class Delivery(StrEnum):
    """Who puts the speech service onto the cluster, and keeps it there."""

    DIRECT = "direct"
    """Pulumi, with everything else."""

    GITOPS = "gitops"
    """Argo CD, from `manifests/<stack>/` in git; `ops render` writes it."""
