"""A thousand simulated nodes and services on one cluster: what grows with them, and what gives way first."""
