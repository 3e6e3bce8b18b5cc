"""Every upstream at the version that is installed, and what holds it there.

Raising one: change tag and path, run a preview with the old sum, read the diff upstream, take the sum that is printed.
"""

from typing import Final

from components.upstream.pin import Upstream

KUBERNETES: Final = "v1.34.0"
"""What charts are rendered for. The newest minor that Contour 1.33 is tested on upstream."""

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
