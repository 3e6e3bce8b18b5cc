"""Pulumi components. One concept per file; none of them knows of stacks or of config files."""
