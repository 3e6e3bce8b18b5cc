"""What `aws eks get-token` prints, for a cluster of the account: the real cluster's own client certificate."""

import json
import os
import re
import sys
from collections.abc import Sequence

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from tests.aws.kubeconfig import read

_COMMAND = re.compile(r"eks get-token --cluster-name (\S+) --region (\S+) --output json")


def main(arguments: Sequence[str]) -> int:
    asked = _COMMAND.fullmatch(" ".join(arguments))
    if asked is None:
        return _refuse(f"aws {' '.join(arguments)}: this command is not rehearsed")
    name, region = asked.groups()
    endpoint, kubeconfig = os.environ.get("TTS_AWS_ENDPOINT"), os.environ.get("TTS_KUBECONFIG")
    if not endpoint or not kubeconfig:
        return _refuse("TTS_AWS_ENDPOINT and TTS_KUBECONFIG are needed: take them from Account.environment")
    eks = boto3.client(
        "eks",
        region_name=region,
        endpoint_url=endpoint,
        aws_access_key_id="stand-in",
        aws_secret_access_key="stand-in",  # noqa: S106  # moto asks for some
    )
    try:
        eks.describe_cluster(name=name)
    except (BotoCoreError, ClientError) as error:
        return _refuse(str(error))
    real = read(kubeconfig)
    credential = {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "kind": "ExecCredential",
        "spec": {},
        "status": {"clientCertificateData": real.certificate.decode(), "clientKeyData": real.key.decode()},
    }
    print(json.dumps(credential))
    return 0


def _refuse(reason: str) -> int:
    print(reason, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
