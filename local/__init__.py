"""The embedded cluster: a real Kubernetes as ordinary processes, for a laptop, a test and CI."""
