"""A text-to-speech service and the platform under it: settings, platform, service, outputs."""

import pulumi

from components.argo_cd import ArgoCd
from components.audit_policy import AuditPolicy, AuditPolicyArgs
from components.cert_manager import CertManager
from components.cluster import connect
from components.contour import Contour
from components.delivery import Delivery
from components.delivery_check import checked
from components.end_of_life import EndOfLife
from components.issuer import ClusterIssuer, ClusterIssuerArgs
from components.snapshot_class import SnapshotClass
from components.tts.deployment import DEPLOYMENT
from components.tts.rollout import OUTPUTS_CLAIM
from components.tts.service import TtsService
from stacks import arguments, config
from stacks.ephemeral_settings import moment_text

stack = config.current()

if stack.aws is None:
    platform, connection = None, arguments.cluster(config.cluster(stack))
    provider = connect("cluster", connection)
else:
    # Not above: the AWS SDK is slow to import, and only stacks on AWS need it.
    from components.aws_platform import AwsPlatform

    config.account(stack)
    platform = AwsPlatform("aws", arguments.aws_platform(stack, stack.aws, config.own_addons()))
    provider, connection = platform.provider, platform.connection

system = pulumi.ResourceOptions(providers=[provider], depends_on=[*platform.system] if platform else [])
controlled = pulumi.ResourceOptions(providers=[provider], depends_on=[platform] if platform else [])
if stack.ephemeral is not None:
    # The platform is another stack's, its issuer too.
    issuer_name, ca_secret = pulumi.Output.from_input(arguments.issuer_name(stack)), None
    first: list[pulumi.Resource] = [
        EndOfLife("end-of-life", moment_text(stack.ephemeral.expires), config.written())
    ]
else:
    contour = Contour("contour", arguments.contour(stack), system)
    cert_manager = CertManager("cert-manager", arguments.cert_manager(stack), system)
    # Instances come after the controllers of their kinds, and so go before them: with its controller gone, nobody takes
    # the finalizers off an instance, and a destroy hangs.
    issuer = ClusterIssuer(
        "issuer",
        ClusterIssuerArgs(issuer=arguments.issuer(stack), cert_manager_namespace=cert_manager.namespace),
        pulumi.ResourceOptions(providers=[provider], depends_on=[cert_manager]),
    )
    issuer_name, ca_secret = issuer.issuer_name, issuer.ca_secret
    # Also where no snapshots are taken any more: the log of those that were stays.
    audit = AuditPolicy("audit", AuditPolicyArgs(namespace=stack.settings.namespace), controlled)
    first = [contour, issuer, audit]
before = [*first, *([platform] if platform else [])]
snapshots = arguments.snapshot_class(stack)
if snapshots is not None:
    before.append(SnapshotClass("snapshots", snapshots, controlled))
after = pulumi.ResourceOptions(providers=[provider], depends_on=before)
if stack.gitops is None:
    volumes = platform.volumes if platform else arguments.provisioning(stack)
    service = arguments.tts_service(stack, issuer_name, volumes, config.failed_job(), connection)
    TtsService("tts", service, after)
else:
    argo_cd = ArgoCd("argo-cd", arguments.argo_cd(stack, stack.gitops, issuer_name), after)
    delivery = Delivery(
        "delivery",
        arguments.delivery(stack, stack.gitops, argo_cd.namespace),
        pulumi.ResourceOptions(providers=[provider], depends_on=[argo_cd]),
    )
    pulumi.export("argo_cd_url", argo_cd.url)
    pulumi.export("application", checked(delivery.application, argo_cd.namespace, connection))

pulumi.export("url", f"https://{stack.authority}/")
pulumi.export("speech_url", f"https://{stack.authority}{stack.engine.speech_path}")
pulumi.export(
    "websocket_url", next((f"wss://{stack.authority}{path}" for path in stack.engine.stream_paths), None)
)
pulumi.export("cluster_server", connection.server if connection else None)
pulumi.export("namespace", stack.settings.namespace)
pulumi.export("deployment", DEPLOYMENT)
pulumi.export("outputs_claim", OUTPUTS_CLAIM)
pulumi.export("ca_secret", ca_secret)
pulumi.export("engine", stack.engine.name)
pulumi.export("image", stack.settings.image)
pulumi.export("gpu_memory_gib", stack.engine.gpu_memory_gib)
if platform is not None:
    pulumi.export("kubeconfig", platform.connection.kubeconfig)
    pulumi.export("load_balancer", platform.load_balancer)
