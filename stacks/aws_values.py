"""The types of config values that only AWS knows, each with its refusal."""

import ipaddress
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from components.subnets import MAX_PREFIX, MIN_PREFIX, is_private
from stacks.problems import Refusal
from stacks.values import Cidr, Text


def _region(text: str) -> str:
    if not re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d", text):
        raise Refusal("is not an AWS region.", "Write its code (eu-central-1).")
    if text.startswith(("cn-", "us-gov-", "us-iso")):
        raise Refusal(
            "is in a partition of its own, and the roles' policies here are those of the common one.",
            "Write another region.",
        )
    return text


def _zone(text: str) -> str:
    if not re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d[a-z]", text):
        raise Refusal("is not an availability zone.", "Write its name (eu-central-1a).")
    return text


def _vpc_cidr(text: str) -> str:
    network = ipaddress.ip_network(text)
    if not is_private(text):
        raise Refusal("is not a private network.", "Write one within 10.0.0.0/8 (10.64.0.0/16).")
    if not MIN_PREFIX <= network.prefixlen <= MAX_PREFIX:
        size = (
            "too small for nodes and pods" if network.prefixlen > MAX_PREFIX else "larger than a VPC may be"
        )
        raise Refusal(f"is {size}.", f"Write a prefix length from /{MIN_PREFIX} to /{MAX_PREFIX}.")
    return text


def _service_cidr(text: str) -> str:
    network = ipaddress.ip_network(text)
    # https://docs.aws.amazon.com/eks/latest/APIReference/API_KubernetesNetworkConfigRequest.html
    if network.version != 4 or not network.is_private or not 12 <= network.prefixlen <= 24:
        raise Refusal(
            "is not a network that EKS gives to Services.",
            "Write a private one of /12 to /24 (172.20.0.0/16).",
        )
    return text


def _api_cidr(text: str) -> str:
    network = ipaddress.ip_network(text)
    if network.version != 4:
        raise Refusal(
            "is not an IPv4 network, and the cluster's API has no other.", "Write one (203.0.113.0/24)."
        )
    if network.prefixlen < 8:
        raise Refusal(
            "opens the cluster's API to the world.",
            "Write the networks that you work from (203.0.113.0/24).",
        )
    return text


def _principal(text: str) -> str:
    if not re.fullmatch(r"arn:aws[a-z-]*:iam::\d{12}:(role|user)/\S+", text):
        raise Refusal(
            "is not an IAM role or user.",
            "Write its ARN (arn:aws:iam::123456789012:role/platform-engineers).",
        )
    return text


def _instance_type(text: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9-]*\.[a-z0-9-]+", text):
        raise Refusal("is not an instance type.", "Write family and size (g6.2xlarge).")
    return text


def _x86(text: str) -> str:
    # The letter after the generation says whose processor it is: g for AWS's own.
    if re.match(r"[a-z]+\d+g|a1\.", text) and not text.startswith("g5."):
        raise Refusal(
            "is an ARM type, and the edge nodes' image is for x86.", "Write an x86 type (m6i.large)."
        )
    return text


def _minor(text: str) -> str:
    if not re.fullmatch(r"1\.\d{2}", text):
        raise Refusal("is not a minor version of Kubernetes.", 'Write it as a text ("1.34").')
    return text


def _tag(text: str) -> str:
    # https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
    if not re.fullmatch(r"[\w .:/=+@-]{1,256}", text):
        raise Refusal(
            "cannot be the value of a tag.",
            "Write letters, digits, spaces and . : / = + @ - _ (speech-platform).",
        )
    return text


def _account(value: Any) -> str:
    text = str(value).strip()
    if not re.fullmatch(r"\d{12}", text):
        raise Refusal(
            "is not the id of an AWS account.", 'Write its twelve digits in quotes ("012345678901").'
        )
    return text


def _days(value: Any) -> int:
    text = str(value).strip()
    # https://docs.aws.amazon.com/dlm/latest/APIReference/API_CrossRegionCopyRetainRule.html
    if not re.fullmatch(r"[1-9]\d{0,4}", text) or int(text) > 36500:
        raise Refusal("is not a number of days from 1 to 36500.", "Write for how many days (7).")
    return int(text)


def _archive_months(value: Any) -> int:
    text = str(value).strip()
    if not re.fullmatch(r"[1-9]\d{0,3}", text) or int(text) > 1000:
        raise Refusal("is not a number of months from 3 to 1000.", "Write for how many months (12).")
    # https://docs.aws.amazon.com/dlm/latest/APIReference/API_RetentionArchiveTier.html
    if int(text) < 3:
        raise Refusal("is less than the 90 days that AWS archives a snapshot for.", "Write 3 or more.")
    return int(text)


def _kms_key(text: str) -> str:
    if not re.fullmatch(r"arn:aws:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]+", text):
        raise Refusal(
            "is not the ARN of a KMS key.",
            "Write a key's own, not an alias' (arn:aws:kms:eu-central-1:123456789012:key/...).",
        )
    return text


def _identifier(prefix: str, what: str) -> AfterValidator:
    def check(text: str) -> str:
        if not re.fullmatch(rf"{prefix}-[0-9a-f]{{8,17}}", text):
            raise Refusal(
                f"is not the id of a {what}.", f"Write it as AWS does ({prefix}-0123456789abcdef0)."
            )
        return text

    return AfterValidator(check)


AwsRegion = Annotated[Text, AfterValidator(_region)]
Zone = Annotated[Text, AfterValidator(_zone)]
VpcCidr = Annotated[Cidr, AfterValidator(_vpc_cidr)]
ServiceCidr = Annotated[Cidr, AfterValidator(_service_cidr)]
ApiCidr = Annotated[Cidr, AfterValidator(_api_cidr)]
Principal = Annotated[Text, AfterValidator(_principal)]
Ec2Type = Annotated[Text, AfterValidator(_instance_type)]
X86Type = Annotated[Ec2Type, AfterValidator(_x86)]
KubernetesMinor = Annotated[Text, AfterValidator(_minor)]
Tag = Annotated[Text, AfterValidator(_tag)]
VpcId = Annotated[Text, _identifier("vpc", "VPC")]
SubnetId = Annotated[Text, _identifier("subnet", "subnet")]
AccountId = Annotated[str, BeforeValidator(_account)]
Days = Annotated[int, BeforeValidator(_days)]
ArchiveMonths = Annotated[int, BeforeValidator(_archive_months)]
KmsKey = Annotated[Text, AfterValidator(_kms_key)]
