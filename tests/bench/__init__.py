"""Benchmarks: what the edge, a rollout and the program itself cost. Figures side by side, never a verdict."""
