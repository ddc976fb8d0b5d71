"""Latents of a sound, computed once and kept under the hash of all they depend on."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from oneshot_server.domain.mel_profile import MelProfile
from oneshot_server.library.atomic_file import write_atomically


@dataclass(frozen=True, kw_only=True, eq=False)
class Encoded:
    """A sound as the model sees it.

    Attributes:
        latents: (variants, channels, rows, columns), scaled as the UNet wants them.
        features: (1024,), for distances between sounds.
        thumbnail: (64, 128), uint8, its spectrogram, the lowest mel first.
    """

    latents: torch.Tensor
    features: torch.Tensor
    thumbnail: torch.Tensor


@dataclass(frozen=True, kw_only=True)
class LatentCache:
    """A folder of encoded sounds.

    Attributes:
        folder: where; made when it is first written.
        profile: mel profile of the latents.
        codec: hash of the autoencoder.
        variants: what is done to the sounds beside.
    """

    folder: Path
    profile: MelProfile
    codec: str
    variants: tuple[float, ...]

    def get(self, sha256: str, encode: Callable[[], Encoded]) -> Encoded:
        """What is kept for a file's content, or what ``encode`` makes of it.

        Raises:
            DiskFullError: no space left to keep it.
            ForbiddenError: the folder cannot be written.
        """
        path = self.folder / f"{self._key(sha256)}.safetensors"
        try:
            kept = Encoded(**load(path.read_bytes()))
            if kept.latents.ndim == 4 and bool(torch.isfinite(kept.latents).all()):
                return kept
        except (OSError, SafetensorError, TypeError, ValueError):
            pass  # not there, or damaged: made again
        made = encode()
        tensors = {name: tensor.contiguous() for name, tensor in vars(made).items()}
        write_atomically(path, save(tensors))
        return made

    def _key(self, sha256: str) -> str:
        whole = msgspec.json.encode((sha256, self.profile, self.codec, self.variants))
        return hashlib.sha256(whole).hexdigest()
