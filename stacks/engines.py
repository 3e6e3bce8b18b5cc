"""The speech engines that have a profile. A figure without a measurement of ours carries its source."""

from types import MappingProxyType
from typing import Final

from components.tts.engine import Egress, Engine, Resources

_WEIGHTS_DOWNLOAD = Egress(
    reason="Downloads its weights into an empty volume, from a model hub whose addresses change.",
    cidr="0.0.0.0/0",
    # The internet only: not the cluster, not its nodes, not the cloud's metadata service.
    excluded=(
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "198.18.0.0/15",
    ),
    port=443,
)

COSYVOICE: Final = Engine(
    name="cosyvoice",
    # Port, outputs and resources: the team's image. Model directory: the repository's README.
    source="https://github.com/FunAudioLLM/CosyVoice",
    port=7860,
    # The web UI has none: ready means that its port is open, which it is once the model is loaded.
    health_path=None,
    speech_path="/",
    # Gradio's queue, which is where its page sends a text and hears of the audio.
    stream_paths=("/queue",),
    outputs_path="/root/CosyVoice/outputs",
    weights_path="/root/CosyVoice/pretrained_models",
    user=None,
    root_reason="The image keeps code, models and outputs under /root, which nobody but root may enter.",
    read_only_root=False,
    resources=Resources(cpu_request="2", cpu_limit="4", memory_request="8Gi", memory_limit="16Gi"),
    gpu_memory_gib=None,
    pull_seconds=900,
    startup_seconds=600,
    synthesis_seconds=120,
    weights_egress=(_WEIGHTS_DOWNLOAD,),
)

GLM_TTS: Final = Engine(
    name="glm-tts",
    # Port, command and resources: the team's image. Weights, fetched by hand into ckpt: the repository's README.
    source="https://github.com/zai-org/GLM-TTS",
    port=7860,
    # None, and it loads at the first request: here ready means only that the port is open.
    health_path=None,
    speech_path="/",
    stream_paths=("/queue",),
    # `source` is bash's own; the image's sh does not know it.
    command=("bash", "-c", "source /opt/miniconda3/bin/activate torch29 && exec python app.py"),
    outputs_path="/root/GLM-TTS/outputs",
    # Nothing in it fetches weights, so they are in the image's ckpt: an empty volume there would hide them for ever.
    weights_path=None,
    user=None,
    root_reason="The image keeps code, weights and outputs under /root, which nobody but root may enter.",
    read_only_root=False,
    resources=Resources(cpu_request="2", memory_request="12Gi", memory_limit="16Gi"),
    # At its peak, as users report it.
    gpu_memory_gib=17,
    pull_seconds=900,
    startup_seconds=600,
    synthesis_seconds=120,
)

VLLM_OMNI: Final = Engine(
    name="vllm-omni",
    source="https://github.com/vllm-project/vllm-omni/blob/main/docs/getting_started/installation/gpu/cuda.inc.md",
    port=8091,
    health_path="/health",
    # Not about load: it fails when the engine's own process has died behind an API server that still listens. It may
    # answer late while a synthesis holds the processor, and the liveness probe waits for longer than one takes.
    liveness_path="/health",
    speech_path="/v1/audio/speech",
    stream_paths=("/v1/audio/speech/stream",),
    outputs_path="/outputs",
    weights_path="/root/.cache/huggingface",
    user=None,
    root_reason="The image runs as root, and compiles kernels into caches under /root.",
    read_only_root=False,
    # The documentation starts it with --ipc=host: its processes hand tensors to each other through shared memory.
    shared_memory="8Gi",
    # CosyVoice3 "requires a host with 32 GB RAM": https://aws.github.io/deep-learning-containers/vllm-omni/deployment/ec2/
    resources=Resources(cpu_request="4", memory_request="16Gi", memory_limit="32Gi"),
    # The same page: one GPU of 24 GB serves its speech models.
    gpu_memory_gib=24,
    pull_seconds=900,
    startup_seconds=900,
    synthesis_seconds=120,
    weights_egress=(_WEIGHTS_DOWNLOAD,),
)

ESPEAK: Final = Engine(
    name="espeak",
    # In this repository; its figures are measured with it.
    source="local/espeak",
    port=8091,
    health_path="/health",
    liveness_path="/livez",
    speech_path="/v1/audio/speech",
    stream_paths=("/v1/audio/speech/stream",),
    environment=MappingProxyType({"OUTPUTS_DIR": "/outputs"}),
    outputs_path="/outputs",
    weights_path=None,
    user=10001,
    read_only_root=True,
    resources=Resources(cpu_request="100m", memory_request="128Mi", memory_limit="256Mi"),
    gpu_memory_gib=0,
    pull_seconds=60,
    startup_seconds=60,
    synthesis_seconds=30,
)

CUSTOM: Final = "custom"
"""The engine that `customEngine` describes."""

ENGINES: Final = MappingProxyType({engine.name: engine for engine in (COSYVOICE, GLM_TTS, VLLM_OMNI, ESPEAK)})
