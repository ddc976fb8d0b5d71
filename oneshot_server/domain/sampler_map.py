"""A multisampled sound: which file a sampler plays for a note, a velocity and a repetition."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

LOWEST_NOTE = 0
HIGHEST_NOTE = 127


@dataclass(frozen=True, kw_only=True)
class Region:
    """One file and when it is played.

    Attributes:
        file: its path, relative to the sampler's file.
        root: MIDI note of the sound as it is.
        low_note: lowest MIDI note that plays it.
        high_note: highest.
        low_velocity: lowest MIDI velocity, 1 to 127.
        high_velocity: highest; the sound is that of this one.
        position: which repetition, 1 and up.
        positions: how many there are.
        low_gain: level at the lowest velocity relative to the highest, 0 to 1.
    """

    file: str
    root: int
    low_note: int
    high_note: int
    low_velocity: int
    high_velocity: int
    position: int
    positions: int
    low_gain: float


def velocity_ranges(layers: int) -> list[tuple[int, int]]:
    """MIDI velocities 1 to 127 in equal layers, the softest first."""
    edges = [round(127 * layer / layers) for layer in range(layers + 1)]
    return [(low + 1, high) for low, high in itertools.pairwise(edges)]


def note_ranges(notes: Sequence[int]) -> list[tuple[int, int]]:
    """All MIDI notes among sampled ones, ascending: each has those that are nearest to it."""
    middles = [(low + high) // 2 for low, high in itertools.pairwise(notes)]
    lows = [LOWEST_NOTE, *(middle + 1 for middle in middles)]
    return list(zip(lows, [*middles, HIGHEST_NOTE], strict=True))


def to_sfz(regions: Sequence[Region], about: str) -> str:
    """The map as an SFZ file (sfzformat.com), for sfizz, Sforzando and most samplers."""
    lines = [f"// {about}", "<global>", "loop_mode=one_shot", "amp_veltrack=100", ""]
    for region in regions:
        lines += [
            "<region>",
            f"sample={region.file}",
            f"lokey={region.low_note} hikey={region.high_note} pitch_keycenter={region.root}",
            f"lovel={region.low_velocity} hivel={region.high_velocity}",
            # The layer is as loud as its hardest hit; softer ones go on from there.
            f"amp_velcurve_{region.low_velocity}={region.low_gain:.4f}",
            f"amp_velcurve_{region.high_velocity}=1",
            f"seq_length={region.positions} seq_position={region.position}",
            "",
        ]
    return "\n".join(lines)


def to_decent_sampler(regions: Sequence[Region], about: str) -> str:
    """The map as a DecentSampler preset."""
    from xml.sax.saxutils import quoteattr

    samples = [
        f'      <sample path={quoteattr(region.file)} rootNote="{region.root}" '
        f'loNote="{region.low_note}" hiNote="{region.high_note}" '
        f'loVel="{region.low_velocity}" hiVel="{region.high_velocity}" '
        f'seqPosition="{region.position}" seqLength="{region.positions}"/>'
        for region in regions
    ]
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            f"<!-- {about.replace('--', '- -')} -->",
            "<DecentSampler>",
            "  <groups>",
            '    <group seqMode="round_robin" ampVelTrack="0" release="2.0">',
            *samples,
            "    </group>",
            "  </groups>",
            "</DecentSampler>",
            "",
        ]
    )
