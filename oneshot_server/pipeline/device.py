"""What a device can do and how much memory it has, measured; the only questions to it."""

import platform
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
import platformdirs
import psutil
import torch

from oneshot_server.errors import ModelError, OneshotError
from oneshot_server.library.atomic_file import write_atomically
from oneshot_server.pipeline.device_plan import LARGE_PARAMETERS, Machine, Precision, Size

TRIES: Final = 8
OUT_OF_MEMORY: Final = ("out of memory", "can't allocate memory", "not enough memory")
OLDEST_WITH_HALVES: Final = (7, 0)
"""Since Volta, NVIDIA's GPUs compute in fp16 faster than in fp32 and as safely."""


def choose_device(name: str) -> torch.device:
    """The device of a config value: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.

    Raises:
        ModelError: torch does not know it or cannot reach it.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        first = str(error).splitlines()[0]
        raise ModelError(f'engine.device = "{name}" cannot be used: {first}') from None
    return device


def measure(device: torch.device, size: Size | None = None) -> Machine:
    """What the device can do now.

    Args:
        device: the device.
        size: of the model; on a CPU, bf16 is tried only for one that it could matter to.
    """
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        able = torch.cuda.get_device_capability(device) >= OLDEST_WITH_HALVES
        return Machine(kind="cuda", free_bytes=free, half="fp16" if able else None)
    available = psutil.virtual_memory().available
    if device.type == "mps":
        # Memory is shared with the rest of the Mac; the driver lets a program have a part of it.
        allowed = torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
        return Machine(kind="mps", free_bytes=min(allowed, available), half="fp16")
    large = size is not None and size.parameters >= LARGE_PARAMETERS
    return Machine(kind="cpu", free_bytes=available, bf16_gain=bf16_gain() if large else 0.0)


def bf16_gain(cache: Path | None = None) -> float:
    """How many times as fast this CPU is in bf16 as in fp32; 0 if it cannot compute in it.

    Measured once for each torch and number of threads, and remembered: what a busy machine would
    measure at the next start must not change the last bits of its sounds.

    Args:
        cache: where to remember; by default in the user's cache folder.
    """
    cache = cache or platformdirs.user_cache_path("oneshot-server") / "bf16.json"
    key = f"torch {torch.__version__}, {platform.processor()}, {torch.get_num_threads()} threads"
    try:
        known = msgspec.json.decode(cache.read_bytes(), type=dict[str, float])
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        known = {}
    if key not in known:
        known[key] = measure_bf16_gain()
        with suppress(OneshotError):  # it is measured again at the next start
            write_atomically(cache, msgspec.json.encode(known))
    return known[key]


def measure_bf16_gain() -> float:
    """The same, measured with a convolution of Stable Diffusion's size."""
    try:
        able = torch.ops.mkldnn._is_mkldnn_bf16_supported()  # noqa: SLF001 - nothing public says it
    except (AttributeError, RuntimeError):  # a torch that is built without oneDNN
        return 0.0
    if not able:
        return 0.0
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(1, 320, 32, 32, generator=generator)
    kernel = torch.randn(320, 320, 3, 3, generator=generator)
    seconds: dict[torch.dtype, list[float]] = {torch.float32: [], torch.bfloat16: []}
    with torch.inference_mode():
        for _ in range(TRIES):  # in turn, so that what else the machine does hits both
            for dtype, spent in seconds.items():
                operands = image.to(dtype), kernel.to(dtype)
                begun = time.perf_counter()
                torch.nn.functional.conv2d(*operands, padding=1)
                spent.append(time.perf_counter() - begun)
    return min(seconds[torch.float32]) / min(seconds[torch.bfloat16])


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of whatever library says that memory did not suffice."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in text for words in OUT_OF_MEMORY)


def free_memory(device: torch.device) -> None:
    """Give what a failed render has left in the allocator's pools back to the device."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def dtype_of(precision: Precision) -> torch.dtype:
    """As torch names it."""
    names = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
    return names[precision]
