"""The sixteen roles of a kit that is made from one prompt, in General MIDI's order of notes."""

from typing import Final

from oneshot_server.domain.pads import Kit, Pad

HATS: Final = 1
"""The choke group of the hats."""

ROLES: Final[tuple[tuple[str, str, int, float], ...]] = (
    ("kick", "kick", 0, 0.9),
    ("rim", "rim", 0, 0.3),
    ("snare", "snare", 0, 0.6),
    ("clap", "clap", 0, 0.5),
    ("snare 2", "short snare", 0, 0.35),
    ("low tom", "low tom", 0, 0.9),
    ("closed hat", "closed hat", HATS, 0.2),
    ("mid tom", "mid tom", 0, 0.8),
    ("pedal hat", "short closed hat", HATS, 0.12),
    ("high tom", "high tom", 0, 0.7),
    ("open hat", "open hat", HATS, 0.8),
    ("perc", "perc", 0, 0.5),
    ("shaker", "shaker", 0, 0.35),
    ("crash", "crash", 0, 0.0),
    ("cowbell", "cowbell", 0, 0.6),
    ("ride", "ride", 0, 0.0),
)
"""Name, words added to the style, choke group, longest seconds (0 for the model's)."""


def kit_of_style(style: str, *, name: str, lora: str = "") -> Kit:
    """A kit whose pads all have one style.

    Args:
        style: words that go before each role: dusty lofi.
        name: of the kit.
        lora: LoRAs of every pad.

    Raises:
        BadArgumentsError: the style is too long.
    """
    return Kit(
        name=name,
        about=style,
        pads={
            number: Pad(
                name=role, prompt=f"{style} {words}", lora=lora, choke=choke, seconds=seconds
            )
            for number, (role, words, choke, seconds) in enumerate(ROLES)
        },
    )
