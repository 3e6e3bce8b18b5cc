"""IAM roles and their policies."""

from tests.aws.resources.kind import (
    HANDLED,
    Call,
    Converted,
    Inputs,
    Kind,
    as_json,
    fields_of,
    known,
    parameters,
    tag_list,
    tags_gone,
)


class Role(Kind):
    resource_type = "aws:iam/role:Role"
    regional = False
    fields = known(
        {
            **fields_of("description", "maxSessionDuration", "path", "permissionsBoundary"),
            "assumeRolePolicy": Converted("AssumeRolePolicyDocument", as_json),
            "forceDetachPolicies": HANDLED,
            "name": "RoleName",
        }
    )
    replaces = frozenset({"name", "path"})
    computed = ("arn", "createDate", "uniqueId")
    auto_name = "name"
    name_length = 64
    tagged = True

    def create(self, call: Call) -> str:
        made = call.client("iam").create_role(
            **parameters(self.fields, call.inputs), Tags=tag_list(call.tags)
        )
        return str(made["Role"]["RoleName"])

    def read(self, call: Call) -> Inputs:
        role = call.client("iam").get_role(RoleName=call.id)["Role"]
        return {"arn": role["Arn"], "uniqueId": role["RoleId"], "createDate": role["CreateDate"].isoformat()}

    def update(self, call: Call) -> None:
        iam = call.client("iam")
        request = parameters(self.fields, call.inputs)
        if call.changed("assumeRolePolicy"):
            iam.update_assume_role_policy(
                RoleName=call.id, PolicyDocument=as_json(call.inputs["assumeRolePolicy"])
            )
        if call.changed("description", "maxSessionDuration"):
            iam.update_role(
                RoleName=call.id,
                Description=request.get("Description", ""),
                MaxSessionDuration=request.get("MaxSessionDuration", 3600),
            )
        if call.changed("permissionsBoundary"):
            if "PermissionsBoundary" in request:
                iam.put_role_permissions_boundary(
                    RoleName=call.id, PermissionsBoundary=request["PermissionsBoundary"]
                )
            else:
                iam.delete_role_permissions_boundary(RoleName=call.id)
        if gone := tags_gone(call):
            iam.untag_role(RoleName=call.id, TagKeys=gone)
        if call.tags:
            iam.tag_role(RoleName=call.id, Tags=tag_list(call.tags))

    def delete(self, call: Call) -> None:
        iam = call.client("iam")
        if call.inputs.get("forceDetachPolicies"):
            for policy in iam.list_attached_role_policies(RoleName=call.id)["AttachedPolicies"]:
                iam.detach_role_policy(RoleName=call.id, PolicyArn=policy["PolicyArn"])
        iam.delete_role(RoleName=call.id)


class RolePolicy(Kind):
    resource_type = "aws:iam/rolePolicy:RolePolicy"
    regional = False
    fields = known(
        {
            "name": "PolicyName",
            "policy": Converted("PolicyDocument", as_json),
            "role": "RoleName",
        }
    )
    replaces = frozenset({"name", "role"})
    auto_name = "name"
    name_length = 128

    def create(self, call: Call) -> str:
        self.update(call)
        return f"{call.inputs['role']}:{call.inputs['name']}"

    def read(self, call: Call) -> Inputs:
        call.client("iam").get_role_policy(RoleName=call.inputs["role"], PolicyName=call.inputs["name"])
        return {}

    def update(self, call: Call) -> None:
        call.client("iam").put_role_policy(**parameters(self.fields, call.inputs))

    def delete(self, call: Call) -> None:
        call.client("iam").delete_role_policy(RoleName=call.inputs["role"], PolicyName=call.inputs["name"])


class RolePolicyAttachment(Kind):
    resource_type = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
    regional = False
    fields = known({**fields_of("policyArn"), "role": "RoleName"})
    updates = False

    def create(self, call: Call) -> str:
        call.client("iam").attach_role_policy(**parameters(self.fields, call.inputs))
        return f"{call.inputs['role']}/{call.inputs['policyArn']}"

    def read(self, call: Call) -> Inputs:
        call.client("iam").list_attached_role_policies(RoleName=call.inputs["role"])
        return {}

    def delete(self, call: Call) -> None:
        call.client("iam").detach_role_policy(**parameters(self.fields, call.inputs))


ALL: list[Kind] = [Role(), RolePolicy(), RolePolicyAttachment()]
