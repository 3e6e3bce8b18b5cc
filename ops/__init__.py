"""Commands that a person runs around `pulumi up`."""
