"""The program that takes snapshots, in the cluster: every day, before an upgrade, and when a person asks.

Its files run in a stock Python image, out of a ConfigMap: nothing here imports anything but the standard library and
this package itself.
"""
