"""How a model is held on a device: precision, and what is done where memory is short.

Pure: measured numbers in, a plan out. Nothing here asks a device.
"""

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["cuda", "mps", "cpu"]
Precision = Literal["fp32", "fp16", "bf16"]
Setting = Literal["auto", "fp32", "fp16", "bf16"]

BYTES: Final = {"fp32": 4, "fp16": 2, "bf16": 2}
GIB: Final = 1024**3

LARGE_PARAMETERS: Final = 200_000_000
"""Below this, half precision saves nothing worth a difference in the sound."""
BF16_GAIN: Final = 1.5
"""So much faster must bf16 be on a CPU to be worth its coarse numbers."""
RESERVE_BYTES: Final = GIB // 2
"""For kernels' workspaces, fragments, and the LoRAs' products."""
UNET_MAPS: Final = 30
"""Feature maps of full width that are alive at once in the UNet; half of them skip connections."""
VAE_MAPS: Final = 6
"""The same in the decoder, at full size of the image; see ``benchmarks.full_size``."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What was measured.

    Attributes:
        kind: of the device.
        free_bytes: memory that can be had on it now.
        half: the half precision that it computes well in; ``None`` if in none.
        bf16_gain: how many times as fast as fp32 bf16 is; 0 where it was not measured.
    """

    kind: Kind
    free_bytes: int
    half: Precision | None = None
    bf16_gain: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Size:
    """What a model needs to be held and run, whatever the precision.

    Attributes:
        unet: its parameters.
        text_encoder: its parameters.
        vae: its parameters.
        unet_cells: numbers in a full-width feature map of a sound's latents.
        vae_cells: numbers in a full-width feature map of a sound's image; 0 if it has no networks.
        distilled_unet: parameters of the one for few steps; 0 without one.
    """

    unet: int
    text_encoder: int
    vae: int
    unet_cells: int
    vae_cells: int
    distilled_unet: int = 0

    @property
    def parameters(self) -> int:
        """Of all parts."""
        return self.unet + self.distilled_unet + self.text_encoder + self.vae


@dataclass(frozen=True, kw_only=True)
class DevicePlan:
    """How to hold a model.

    Attributes:
        precision: of weights and networks; the sampler's own arithmetic is always single.
        max_batch: sounds rendered together.
        slicing: the autoencoder decodes one sound at a time.
        offload: only the part that works is on the device, the others wait in main memory.
        tiling: the autoencoder decodes an image in overlapping pieces.
        needed_bytes: of device memory, as estimated.
        fits: whether there is that much.
    """

    precision: Precision = "fp32"
    max_batch: int = 64
    slicing: bool = False
    offload: bool = False
    tiling: bool = False
    needed_bytes: int = 0
    fits: bool = True

    @property
    def label(self) -> str:
        """What of it a sound's last bits depend on; empty for the plain way."""
        marks: list[str] = [self.precision] * (self.precision != "fp32")
        marks += ["sliced"] * self.slicing + ["tiled"] * self.tiling
        return ", ".join(marks)

    def describe(self) -> str:
        """In words, for the log and ``oneshot doctor``."""
        words: list[str] = [self.precision]
        if self.max_batch < 64:
            words.append(f"{self.max_batch} sounds at a time")
        if self.slicing:
            words.append("decoded one by one")
        if self.offload:
            words.append("only the part that works is on the device")
        if self.tiling:
            words.append("decoded in pieces")
        words.append(f"needs about {self.needed_bytes / GIB:.1f} GiB")
        return ", ".join(words)


def plan_device(machine: Machine, size: Size, *, setting: Setting, max_batch: int) -> DevicePlan:
    """The fastest way to hold a model that fits into the memory there is.

    Args:
        machine: what was measured.
        size: of the model.
        setting: ``engine.precision``.
        max_batch: ``engine.max_batch``.

    Returns:
        A plan; where nothing fits, the one that needs least, with ``fits`` false.
    """
    precision = _precision(machine, size, setting)
    ways = [(max_batch, False, False, False), (max_batch, True, False, False)]
    ways += [(batch, True, False, False) for batch in _smaller(max_batch)]
    if machine.kind != "cpu":
        ways += [(batch, True, True, False) for batch in (max_batch, *_smaller(max_batch))]
    ways.append((1, True, machine.kind != "cpu", True))
    plans = [
        DevicePlan(
            precision=precision,
            max_batch=batch,
            slicing=slicing and size.vae_cells > 0,
            offload=offload,
            tiling=tiling and size.vae_cells > 0,
            needed_bytes=_needed(
                size,
                BYTES[precision],
                batch=batch,
                decoded=1 if slicing else batch,
                offload=offload,
                tiling=tiling,
            ),
        )
        for batch, slicing, offload, tiling in ways
    ]
    for plan in plans:
        if plan.needed_bytes <= machine.free_bytes:
            return plan
    least = min(plans, key=lambda plan: plan.needed_bytes)
    return DevicePlan(
        precision=least.precision,
        max_batch=least.max_batch,
        slicing=least.slicing,
        offload=least.offload,
        tiling=least.tiling,
        needed_bytes=least.needed_bytes,
        fits=False,
    )


def _precision(machine: Machine, size: Size, setting: Setting) -> Precision:
    if setting != "auto":
        return setting
    if size.parameters < LARGE_PARAMETERS:
        return "fp32"
    if machine.kind == "cpu":
        return "bf16" if machine.bf16_gain >= BF16_GAIN else "fp32"
    return machine.half or "fp32"


def _smaller(batch: int) -> list[int]:
    """Half of it, and half of that, down to 1."""
    sizes = []
    while batch > 1:
        batch //= 2
        sizes.append(batch)
    return sizes


def _needed(
    size: Size, width: int, *, batch: int, decoded: int, offload: bool, tiling: bool
) -> int:
    unet_work = 2 * batch * size.unet_cells * UNET_MAPS  # with and without the prompt
    vae_work = decoded * size.vae_cells * VAE_MAPS // (4 if tiling else 1)
    if offload:
        numbers = max(size.unet + unet_work, size.vae + vae_work, size.text_encoder)
    else:
        numbers = size.parameters + max(unet_work, vae_work)
    return numbers * width + RESERVE_BYTES
