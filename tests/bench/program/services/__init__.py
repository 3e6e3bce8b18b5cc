"""A Pulumi program with any number of speech services."""
