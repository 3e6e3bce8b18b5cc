"""The local speech engine: espeak-ng behind the speech API of vLLM-Omni.

It lets a machine without a GPU speak through the very routes, probes and streams that the GPU engines use.
"""
