"""Every upstream at the version that is installed, and what holds it there.

Raising one: change tag and path, run a preview with the old sum, read the diff upstream, take the sum that is printed.
"""

from types import MappingProxyType
from typing import Final

from components.upstream.pin import Upstream

KUBERNETES: Final = "v1.34.0"
"""What charts are rendered for. The newest minor that Contour 1.33 is tested on upstream."""

_ADDONS = MappingProxyType(
    {
        "vpc-cni": "v1.20.4-eksbuild.2",
        "eks-pod-identity-agent": "v1.3.10-eksbuild.2",
        "aws-ebs-csi-driver": "v1.54.0-eksbuild.1",
        "aws-efs-csi-driver": "v2.1.15-eksbuild.1",
        "aws-mountpoint-s3-csi-driver": "v2.2.1-eksbuild.1",
        "snapshot-controller": "v8.3.0-eksbuild.1",
    }
)

EKS: Final = MappingProxyType(
    {
        "1.32": MappingProxyType(
            {**_ADDONS, "kube-proxy": "v1.32.9-eksbuild.2", "coredns": "v1.11.4-eksbuild.24"}
        ),
        "1.33": MappingProxyType(
            {**_ADDONS, "kube-proxy": "v1.33.5-eksbuild.2", "coredns": "v1.12.4-eksbuild.1"}
        ),
        "1.34": MappingProxyType(
            {**_ADDONS, "kube-proxy": "v1.34.1-eksbuild.2", "coredns": "v1.12.4-eksbuild.1"}
        ),
    }
)
"""The minor versions of Kubernetes that Contour 1.33 is tested on upstream, and EKS's add-ons for each.

https://projectcontour.io/resources/compatibility-matrix and, for the add-ons, the tables of
https://docs.aws.amazon.com/eks/latest/userguide/eks-add-ons.html; `aws eks describe-addon-versions` lists newer ones.
"""

CONTOUR: Final = Upstream(
    repository="projectcontour/contour",
    # The newest patch of 1.33. Its manifest names Envoy 1.38.9 itself; the two are released as a pair.
    tag="v1.33.8",
    path="examples/render/contour.yaml",
    sha256="4511b03534bbeb95cb03dd231eabb794887542bbe336cc1a1e6bb1caa68b72c4",
)

CERT_MANAGER: Final = Upstream(
    repository="cert-manager/cert-manager",
    # Current. Supported upstream on the Kubernetes above.
    tag="v1.21.2",
    path="deploy",
    sha256="fbf0f64a302a02f0001ae01e67872cfe645b312197a3ad3539bc84e1582140c4",
)

CERT_MANAGER_FROM_SOURCE: Final = Upstream(
    repository="cert-manager/cert-manager",
    # The newest whose four binaries build from its one Go module, which is how the embedded cluster comes by them.
    # Not for production: upstream tested it up to Kubernetes 1.27, and no longer mends it.
    tag="v1.11.5",
    path="deploy",
    sha256="f27bf0c5622a1e4925e9b73f476b482c9545595d242008e1ad542533c6c86407",
)

DEVICE_PLUGIN: Final = Upstream(
    repository="NVIDIA/k8s-device-plugin",
    # Current. It speaks kubelet's device plugin API v1beta1, which every Kubernetes above has.
    tag="v0.19.1",
    path="deployments/static/nvidia-device-plugin.yml",
    sha256="522d2d7177c22a281125856e9eff25daaf888de72338f0ef5466b6244dba0150",
)

ARGO_CD: Final = Upstream(
    repository="argoproj/argo-cd",
    # The newest patch whose Go module builds: that of 3.2.12 does not compile, and later minors need a module that is
    # not to be had. What the embedded cluster runs is what production gets.
    tag="v3.2.11",
    path="manifests/install.yaml",
    sha256="3b52920bca88aed8de146645a70421085d8562f1a9b8a44e55b344e010011cde",
)

ARGO_CD_HA: Final = Upstream(
    repository="argoproj/argo-cd",
    # Of the same tag, always.
    tag=ARGO_CD.tag,
    path="manifests/ha/install.yaml",
    sha256="691e1f355ef3885aff1af27cf20a387f4d90a414d5d601b5d143e091ee4be952",
)

CERT_MANAGERS: Final = MappingProxyType(
    {upstream.tag: upstream for upstream in (CERT_MANAGER, CERT_MANAGER_FROM_SOURCE)}
)
"""By version."""

PYTHON: Final = "docker.io/library/python:3.13.9-slim-bookworm"
"""What takes the snapshots, with Python's standard library alone."""
