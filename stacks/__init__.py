"""Settings of the stacks: read, validated, frozen. Only `config` imports pulumi."""
