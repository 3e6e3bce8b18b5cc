"""As many speech services as SERVICES says, each as the local stack declares its one, in namespaces of their own."""

import os
from dataclasses import replace
from pathlib import Path

import pulumi

from components.cluster import connect
from components.issuer import issuer_name
from components.tts.service import TtsService
from ops import stack_file
from stacks import arguments, config

ROOT = Path(__file__).resolve().parents[4]

stack = stack_file.read(ROOT, "local", kubeconfig=os.environ["KUBECONFIG"])
connection = arguments.cluster(config.cluster(stack))
provider = connect("cluster", connection)
one = arguments.tts_service(
    stack, issuer_name(arguments.issuer(stack)), arguments.provisioning(stack), None, connection
)
for number in range(int(os.environ["SERVICES"])):
    TtsService(
        f"tts-{number}",
        replace(one, namespace=f"tts-{number}", domain=f"tts-{number}.localhost"),
        pulumi.ResourceOptions(providers=[provider]),
    )
