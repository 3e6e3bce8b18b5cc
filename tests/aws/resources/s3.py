"""S3's buckets, and the settings of a bucket that are resources of their own."""

from typing import Any, ClassVar

from tests.aws.resources.kind import (
    HANDLED,
    Block,
    Call,
    Converted,
    Field,
    Handled,
    Inputs,
    Kind,
    as_json,
    fields_of,
    known,
    parameters,
    tag_list,
)

# Where S3's website endpoints of eu-west-1 are; the value matters to nothing here.
_ZONE = "Z1BKCTXD74EZPE"


class Bucket(Kind):
    resource_type = "aws:s3/bucket:Bucket"
    fields = known({"bucket": HANDLED, "forceDestroy": HANDLED, "objectLockEnabled": HANDLED})
    replaces = frozenset({"bucket", "objectLockEnabled"})
    computed = ("arn", "bucketDomainName", "bucketRegion", "bucketRegionalDomainName", "hostedZoneId")
    auto_name = "bucket"
    name_length = 63
    tagged = True

    def create(self, call: Call) -> str:
        request: dict[str, Any] = {"Bucket": call.inputs["bucket"]}
        if call.region != "us-east-1":
            request["CreateBucketConfiguration"] = {"LocationConstraint": call.region}
        if call.inputs.get("objectLockEnabled"):
            request["ObjectLockEnabledForBucket"] = True
        call.client("s3").create_bucket(**request)
        call.id = call.inputs["bucket"]
        self.update(call)
        return call.id

    def update(self, call: Call) -> None:
        s3 = call.client("s3")
        if call.tags:
            s3.put_bucket_tagging(Bucket=call.id, Tagging={"TagSet": tag_list(call.tags)})
        else:
            s3.delete_bucket_tagging(Bucket=call.id)

    def read(self, call: Call) -> Inputs:
        call.client("s3").head_bucket(Bucket=call.id)
        return {
            "arn": f"arn:aws:s3:::{call.id}",
            "bucketDomainName": f"{call.id}.s3.amazonaws.com",
            "bucketRegion": call.region,
            "bucketRegionalDomainName": f"{call.id}.s3.{call.region}.amazonaws.com",
            "hostedZoneId": _ZONE,
        }

    def delete(self, call: Call) -> None:
        s3 = call.client("s3")
        if call.inputs.get("forceDestroy"):
            listed = s3.list_object_versions(Bucket=call.id)
            for item in [*listed.get("Versions", []), *listed.get("DeleteMarkers", [])]:
                s3.delete_object(Bucket=call.id, Key=item["Key"], VersionId=item["VersionId"])
        s3.delete_bucket(Bucket=call.id)


class _Setting(Kind):
    """One per bucket, and named after it."""

    replaces = frozenset({"bucket"})
    put: ClassVar[str]
    get: ClassVar[str]
    remove: ClassVar[str | None] = None

    def request(self, inputs: Inputs) -> dict[str, Any]:
        raise NotImplementedError

    def create(self, call: Call) -> str:
        self.update(call)
        return str(call.inputs["bucket"])

    def update(self, call: Call) -> None:
        s3 = call.client("s3")
        getattr(s3, self.put)(Bucket=call.inputs["bucket"], **self.request(call.inputs))

    def read(self, call: Call) -> Inputs:
        s3 = call.client("s3")
        getattr(s3, self.get)(Bucket=call.inputs["bucket"])
        return {}

    def delete(self, call: Call) -> None:
        if self.remove:
            s3 = call.client("s3")
            getattr(s3, self.remove)(Bucket=call.inputs["bucket"])


class PublicAccessBlock(_Setting):
    resource_type = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
    fields = known(
        {
            "bucket": HANDLED,
            **fields_of("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"),
        }
    )
    put, get, remove = "put_public_access_block", "get_public_access_block", "delete_public_access_block"

    def request(self, inputs: Inputs) -> dict[str, Any]:
        return {"PublicAccessBlockConfiguration": parameters(self.fields, inputs)}


class Versioning(_Setting):
    resource_type = "aws:s3/bucketVersioning:BucketVersioning"
    fields = known(
        {
            "bucket": HANDLED,
            "versioningConfiguration": Block("VersioningConfiguration", fields_of("status")),
        }
    )
    put, get = "put_bucket_versioning", "get_bucket_versioning"

    def request(self, inputs: Inputs) -> dict[str, Any]:
        return parameters(self.fields, inputs)

    def delete(self, call: Call) -> None:
        call.client("s3").put_bucket_versioning(
            Bucket=call.inputs["bucket"], VersioningConfiguration={"Status": "Suspended"}
        )


class Encryption(_Setting):
    resource_type = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    fields = known(
        {
            "bucket": HANDLED,
            "rules": Block(
                "Rules",
                {
                    "applyServerSideEncryptionByDefault": Block(
                        "ApplyServerSideEncryptionByDefault",
                        {"kmsMasterKeyId": "KMSMasterKeyID", "sseAlgorithm": "SSEAlgorithm"},
                    ),
                    "bucketKeyEnabled": "BucketKeyEnabled",
                },
            ),
        }
    )
    put, get, remove = "put_bucket_encryption", "get_bucket_encryption", "delete_bucket_encryption"

    def request(self, inputs: Inputs) -> dict[str, Any]:
        return {"ServerSideEncryptionConfiguration": parameters(self.fields, inputs)}


_RULE: dict[str, Field] = {
    "abortIncompleteMultipartUpload": Block(
        "AbortIncompleteMultipartUpload", fields_of("daysAfterInitiation")
    ),
    "expiration": Block("Expiration", fields_of("date", "days", "expiredObjectDeleteMarker")),
    "filter": Handled(fields_of("prefix")),
    "id": "ID",
    "noncurrentVersionExpiration": Block(
        "NoncurrentVersionExpiration", fields_of("newerNoncurrentVersions", "noncurrentDays")
    ),
    "noncurrentVersionTransitions": Block(
        "NoncurrentVersionTransitions",
        fields_of("newerNoncurrentVersions", "noncurrentDays", "storageClass"),
    ),
    "status": "Status",
    "transitions": Block("Transitions", fields_of("date", "days", "storageClass")),
}


class Lifecycle(_Setting):
    resource_type = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
    fields = known(
        {
            "bucket": HANDLED,
            "rules": Handled(_RULE),
            "transitionDefaultMinimumObjectSize": HANDLED,
        }
    )
    put, get = "put_bucket_lifecycle_configuration", "get_bucket_lifecycle_configuration"
    remove = "delete_bucket_lifecycle"

    def request(self, inputs: Inputs) -> dict[str, Any]:
        rules = [
            {**parameters(_RULE, rule), "Filter": {"Prefix": rule.get("filter", {}).get("prefix", "")}}
            for rule in inputs["rules"]
        ]
        size = inputs.get("transitionDefaultMinimumObjectSize")
        return {
            "LifecycleConfiguration": {"Rules": rules},
            **({"TransitionDefaultMinimumObjectSize": size} if size else {}),
        }


class OwnershipControls(_Setting):
    resource_type = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
    fields = known({"bucket": HANDLED, "rule": Block("Rules", fields_of("objectOwnership"))})
    put, get, remove = (
        "put_bucket_ownership_controls",
        "get_bucket_ownership_controls",
        "delete_bucket_ownership_controls",
    )

    def request(self, inputs: Inputs) -> dict[str, Any]:
        return {"OwnershipControls": {"Rules": [parameters(self.fields, inputs)["Rules"]]}}


class Policy(_Setting):
    resource_type = "aws:s3/bucketPolicy:BucketPolicy"
    fields = known({"bucket": HANDLED, "policy": Converted("Policy", as_json)})
    put, get, remove = "put_bucket_policy", "get_bucket_policy", "delete_bucket_policy"

    def request(self, inputs: Inputs) -> dict[str, Any]:
        return parameters(self.fields, inputs)


ALL: list[Kind] = [
    Bucket(),
    PublicAccessBlock(),
    Versioning(),
    Encryption(),
    Lifecycle(),
    OwnershipControls(),
    Policy(),
]
