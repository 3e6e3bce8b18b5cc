"""A stand-in for AWS: the provider plugin that Pulumi starts, and the account that it works on.

`bin/pulumi-resource-aws` speaks Pulumi's provider protocol and turns each resource into real calls through boto3 to a
moto server, which `account.Account` starts. botocore judges the shape of every request against AWS's own service
models, moto the rest, `eks_extension.py` and `snapshot_extension.py` what moto knows nothing of. A type, a property or
a lookup that nothing here carries out is an error that names it.

What it cannot show: IAM permissions (every call is allowed), quotas and capacity, how long AWS takes, eventual
consistency, network traffic, prices, and whether the real provider words a difference the same. Node groups bring no
nodes, add-ons no pods, but for the CSI drivers (`csi_drivers.py`). AWS can still refuse what moto lets pass.
"""
