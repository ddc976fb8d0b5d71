"""What a LoRA of another tool says of itself: kohya's ``ss_…`` metadata, and its ranks."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from oneshot_server.library.safetensors_header import read_header

LONGEST_SHOWN: Final = 200
DOWN: Final = (".lora_down.weight", ".lora_A.weight", ".lora.down.weight")
_NUMBER: Final = re.compile(r"[0-9]+(?:\.[0-9]+)?")


@dataclass(frozen=True, kw_only=True)
class OthersLora:
    """Another tool's file.

    Attributes:
        ranks: of its matrices, each once, ascending.
        metadata: what it says, without what is too long to show.
    """

    ranks: tuple[int, ...]
    metadata: Mapping[str, str]

    def describe(self) -> str:
        """On a line: rank and alpha, what trained it, for what, and on how much."""
        said = self.metadata.get
        words = []
        if self.ranks:
            ends = dict.fromkeys((self.ranks[0], self.ranks[-1]))
            words.append(f"rank {' to '.join(map(str, ends))}")
        if alpha := said("ss_network_alpha"):
            words.append(f"alpha {_number(alpha)}")
        base = [
            name for key in ("ss_base_model_version", "ss_sd_model_name") if (name := said(key))
        ]
        if base:
            words.append(f"for {' '.join(base)}")
        if images := said("ss_num_train_images"):
            words.append(f"{_number(images)} images")
        if steps := said("ss_steps") or said("ss_max_train_steps"):
            words.append(f"{_number(steps)} steps")
        if module := said("ss_network_module"):
            words.append(module)
        return ", ".join(words)


def read_others_lora(path: Path) -> OthersLora:
    """Read the head of another tool's file.

    Raises:
        ModelError: it cannot be read.
    """
    header = read_header(path)
    ranks = {shape[0] for name, shape in header.shapes.items() if name.endswith(DOWN) and shape}
    shown = {key: value for key, value in header.metadata.items() if len(value) <= LONGEST_SHOWN}
    return OthersLora(ranks=tuple(sorted(ranks)), metadata=shown)


def _number(text: str) -> str:
    """A number without its empty decimals; what is none as it is."""
    return f"{float(text):g}" if _NUMBER.fullmatch(text) else text
