"""What no stack of this project may do: a policy pack for `pulumi preview --policy-pack policy`."""
