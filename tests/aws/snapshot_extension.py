"""What moto lacks of snapshots: Data Lifecycle Manager, and the region's key for EBS.

It runs in the account's server. No policy ever runs. Each check is one that AWS makes, or says that it makes.
"""

import json
import re
import sys
from collections.abc import Callable, Mapping
from types import ModuleType, SimpleNamespace
from typing import Any
from urllib.parse import unquote

from moto import backend_index
from moto.core.base_backend import BackendDict, BaseBackend
from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse
from moto.core.utils import utcnow
from moto.ec2.responses.elastic_block_store import ElasticBlockStore
from moto.iam.models import iam_backends
from moto.moto_api._internal import mock_random

_HOURS = (1, 2, 3, 4, 6, 8, 12, 24)
_DAYS = {"DAYS": 1, "WEEKS": 7, "MONTHS": 28, "YEARS": 365}
"""At least as many."""

Policy = dict[str, Any]


class Refused(ServiceException):  # type: ignore[misc]  # moto has no types here
    """AWS's answer to a policy that cannot be."""

    code = "InvalidRequestException"


class Missing(ServiceException):  # type: ignore[misc]  # moto has no types here
    """AWS's answer where there is no such policy."""

    code = "ResourceNotFoundException"


def extend() -> None:
    """Adds to moto, in this process, before its server starts."""
    module = ModuleType("moto.dlm")
    module.dlm_backends = BackendDict(DlmBackend, "dlm")  # type: ignore[attr-defined]
    sys.modules["moto.dlm"] = module
    backend_index.backend_url_patterns.append(("dlm", re.compile(_URL)))
    ElasticBlockStore.get_ebs_default_kms_key_id = get_ebs_default_kms_key_id


def get_ebs_default_kms_key_id(response: ElasticBlockStore) -> ActionResult:
    backend = response.ec2_backend
    return ActionResult({"KmsKeyId": backend.default_kms_key_id or "alias/aws/ebs"})


class DlmBackend(BaseBackend):  # type: ignore[misc]  # moto has no types here
    """The policies of one region."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.policies: dict[str, Policy] = {}

    @property
    def _url_module(self) -> Any:
        return SimpleNamespace(url_bases=[_URL], url_paths=_PATHS)

    def policy(self, identity: str) -> Policy:
        if identity not in self.policies:
            raise Missing(f"Policy {identity} does not exist.")
        return self.policies[identity]

    def tagged(self, arn: str) -> Policy:
        for policy in self.policies.values():
            if policy["PolicyArn"] == arn:
                return policy
        raise Missing(f"{arn} does not exist.")

    def check(self, policy: Mapping[str, Any], identity: str = "") -> None:
        _check_text("Description", policy["Description"], r"[0-9A-Za-z _-]+")
        self._check_role(policy["ExecutionRoleArn"])
        details = policy.get("PolicyDetails") or {}
        if details.get("PolicyType", "EBS_SNAPSHOT_MANAGEMENT") != "EBS_SNAPSHOT_MANAGEMENT":
            raise Refused(f"The policy type {details['PolicyType']} is not rehearsed.")
        if details.get("ResourceTypes") != ["VOLUME"]:
            raise Refused(f"The resource types {details.get('ResourceTypes')} are not rehearsed.")
        if not details.get("TargetTags"):
            raise Refused("The following parameter(s) are missing: TargetTags.")
        targets = _tag_set(details)
        for other in self.policies.values():
            if other["PolicyId"] != identity and _tag_set(other["PolicyDetails"]) & targets:
                raise Refused(
                    f"The following parameter(s) are duplicated: TargetTags, of {other['PolicyId']}."
                )
        _check_schedules(details.get("Schedules") or [], self.region_name)

    def _check_role(self, arn: str) -> None:
        roles = iam_backends[self.account_id][self.partition].roles.values()
        trusts = [role.assume_role_policy_document for role in roles if role.arn == arn]
        if not trusts or "dlm.amazonaws.com" not in json.dumps(trusts):
            raise Refused(f"The role {arn} cannot be assumed by dlm.amazonaws.com.")


class DlmResponse(BaseResponse):  # type: ignore[misc]  # moto has no types here
    """Its methods are called by the names of AWS's operations."""

    def __init__(self) -> None:
        super().__init__(service_name="dlm")

    @property
    def _backend(self) -> DlmBackend:
        backend: DlmBackend = sys.modules["moto.dlm"].dlm_backends[self.current_account][self.region]
        return backend

    @property
    def _body(self) -> dict[str, Any]:
        return json.loads(self.body) if self.body else {}

    @property
    def _last(self) -> str:
        return unquote(self.parsed_url.path.partition("/")[2].partition("/")[2])

    def create_lifecycle_policy(self) -> ActionResult:
        request = self._body
        if "DefaultPolicy" in request:
            raise Refused("A default policy is not rehearsed.")
        self._backend.check(request)
        identity = f"policy-{mock_random.get_random_hex(17)}"
        arn = f"arn:aws:dlm:{self.region}:{self.current_account}:policy/{identity}"
        made = {"PolicyId": identity, "PolicyArn": arn, "DateCreated": utcnow(), "DateModified": utcnow()}
        self._backend.policies[identity] = {"Tags": {}, **request, **made, "DefaultPolicy": False}
        return ActionResult({"PolicyId": identity})

    def get_lifecycle_policy(self) -> ActionResult:
        return ActionResult({"Policy": self._backend.policy(self._last)})

    def get_lifecycle_policies(self) -> ActionResult:
        shown = ("PolicyId", "Description", "State", "Tags")
        policies = self._backend.policies.values()
        return ActionResult({"Policies": [{key: policy[key] for key in shown} for policy in policies]})

    def update_lifecycle_policy(self) -> ActionResult:
        policy = self._backend.policy(self._last)
        changed = {**policy, **self._body}
        if _kind_of_retention(policy) != _kind_of_retention(changed):
            raise Refused("A policy keeps by count or by age, and cannot change between them.")
        self._backend.check(changed, policy["PolicyId"])
        policy.update(changed, DateModified=utcnow())
        return ActionResult({})

    def delete_lifecycle_policy(self) -> ActionResult:
        del self._backend.policies[self._backend.policy(self._last)["PolicyId"]]
        return ActionResult({})

    def list_tags_for_resource(self) -> ActionResult:
        return ActionResult({"Tags": self._backend.tagged(self._last)["Tags"]})

    def tag_resource(self) -> ActionResult:
        self._backend.tagged(self._last)["Tags"].update(self._body["Tags"])
        return ActionResult({})

    def untag_resource(self) -> ActionResult:
        tags = self._backend.tagged(self._last)["Tags"]
        for key in self.querystring.get("tagKeys", []):
            tags.pop(key, None)
        return ActionResult({})


_URL = r"https?://dlm\.(.+)\.amazonaws\.com"
_PATHS: dict[str, Callable[..., Any]] = {
    "{0}/policies$": DlmResponse.dispatch,
    "{0}/policies/(?P<policyId>[^/]+)$": DlmResponse.dispatch,
    "{0}/tags/(?P<resourceArn>.+)$": DlmResponse.dispatch,
}


def _tag_set(details: Mapping[str, Any]) -> set[tuple[str, str]]:
    return {(tag["Key"], tag["Value"]) for tag in details["TargetTags"]}


def _kind_of_retention(policy: Mapping[str, Any]) -> set[str]:
    return {
        "count" if "Count" in schedule["RetainRule"] else "age"
        for schedule in policy["PolicyDetails"]["Schedules"]
    }


def _check_text(what: str, text: str, pattern: str) -> None:
    if not re.fullmatch(pattern, text):
        raise Refused(f"The following parameter(s) are invalid: {what} ({text}).")


def _check_schedules(schedules: list[Mapping[str, Any]], region: str) -> None:
    if not 1 <= len(schedules) <= 4:
        raise Refused("A policy has one to four schedules.")
    if len({"Count" in schedule.get("RetainRule", {}) for schedule in schedules}) > 1:
        raise Refused("All schedules of a policy keep by count, or all by age.")
    if sum("ArchiveRule" in schedule for schedule in schedules) > 1:
        raise Refused("Only one schedule of a policy can archive.")
    for schedule in schedules:
        _check_text("Name", schedule.get("Name", ""), r"[0-9A-Za-z _-]{1,120}")
        _check_creation(schedule.get("CreateRule", {}))
        _check_retention(schedule)
        _check_copies(schedule.get("CrossRegionCopyRules", []), region)
        for rule in schedule.get("ShareRules", []):
            for account in rule["TargetAccounts"]:
                _check_text("TargetAccounts", account, r"\d{12}")
        if "ArchiveRule" in schedule:
            _check_archive(schedule)


def _check_creation(rule: Mapping[str, Any]) -> None:
    if "CronExpression" in rule:
        if rule.keys() & {"Interval", "IntervalUnit", "Times"}:
            raise Refused("A schedule has an interval or a cron expression.")
        _check_text("CronExpression", rule["CronExpression"], r"cron\((\S+ ){5}\S+\)")
        days = rule["CronExpression"].removeprefix("cron(").split()
        if (days[2] == "?") == (days[4] == "?"):
            raise Refused("One of the day of the month and the day of the week is ?.")
        return
    if rule.get("Interval") not in _HOURS or rule.get("IntervalUnit") != "HOURS":
        raise Refused(f"The following parameter(s) are invalid: Interval ({rule.get('Interval')}).")
    for time in rule.get("Times", []):
        _check_text("Times", time, r"([01]\d|2[0-3]):[0-5]\d")


def _check_retention(schedule: Mapping[str, Any]) -> None:
    rule = schedule.get("RetainRule", {})
    by_age, by_count = "Interval" in rule and "IntervalUnit" in rule, "Count" in rule
    if by_age == by_count:
        raise Refused("A schedule keeps by Count, or by Interval and IntervalUnit.")
    kept = rule["Interval"] if by_age else rule["Count"]
    if kept < 1 and not ("ArchiveRule" in schedule and _away(schedule) == []):
        raise Refused("The following parameter(s) are invalid: RetainRule.")


def _away(schedule: Mapping[str, Any]) -> list[str]:
    return [rule for rule in ("CrossRegionCopyRules", "ShareRules", "FastRestoreRule") if schedule.get(rule)]


def _check_copies(rules: list[Mapping[str, Any]], region: str) -> None:
    if len(rules) > 3:
        raise Refused("A schedule copies to three regions at most.")
    for rule in rules:
        target = rule.get("Target")
        # Of images: https://docs.aws.amazon.com/dlm/latest/APIReference/API_CrossRegionCopyRule.html
        if target is None or "TargetRegion" in rule:
            raise Refused("A copy of snapshots has a Target, and no TargetRegion.")
        if target == region:
            raise Refused(f"The target {target} is the policy's own region.")
        if not re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d", target):
            raise Refused(f"The following parameter(s) are invalid: Target ({target}).")
        if "CmkArn" in rule and rule["CmkArn"].split(":")[3] != target:
            raise Refused(f"The key {rule['CmkArn']} is not in {target}.")
        if rule.get("RetainRule", {}).get("Interval", 0) < 1:
            raise Refused("The following parameter(s) are invalid: RetainRule of a copy.")


def _check_archive(schedule: Mapping[str, Any]) -> None:
    # Once a month, or less often: on a day of it that is written out.
    if not re.fullmatch(r"cron\(\S+ \S+ (\d{1,2}|L) .*", schedule["CreateRule"].get("CronExpression", "")):
        raise Refused("A schedule that archives makes a snapshot every 28 days at most.")
    kept = schedule["ArchiveRule"]["RetainRule"]["RetentionArchiveTier"]
    if ("Count" in kept) != ("Count" in schedule["RetainRule"]):
        raise Refused("The archive keeps by count or by age, as its schedule does.")
    if "Count" not in kept and kept["Interval"] * _DAYS[kept["IntervalUnit"]] < 90:
        raise Refused("The archive keeps a snapshot for 90 days at least.")
    if "Count" in kept and kept["Count"] < 3:
        raise Refused("The archive keeps a snapshot for 90 days at least.")
