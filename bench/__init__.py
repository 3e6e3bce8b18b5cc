"""Benchmarks: what the edge, a rollout and the program itself cost, side by side in one run. Figures, never a verdict."""
