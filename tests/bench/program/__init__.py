"""What the Pulumi program itself costs."""
