"""The protocol's one table: parsing, docs and the CLI's help are made from it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from oneshot_server.domain.pads import PAD_KEYS
from oneshot_server.domain.parameters import (
    GENERATE_KEYS,
    INPAINT_KEYS,
    KEEP,
    MORPH_T,
    PROMPT,
    RESHAPE_KEYS,
    STRENGTH,
    VELOCITY,
    Parameter,
)

ID: Final = Parameter(
    name="id", kind=str, low=0, high=200, default="", help='chosen by the client; "" for none'
)
REPLY_PORT: Final = Parameter(
    name="reply_port", kind=int, low=1, high=65535, default="", help="where events are sent"
)
JOB: Final = Parameter(name="job", kind=str, low=1, high=100, default="", help="a job's id")
WHAT: Final = Parameter(
    name="what",
    kind=str,
    low=1,
    high=40,
    default="",
    help="loras, datasets, models, pads, kits, midi_ports, recent",
)


@dataclass(frozen=True, kw_only=True)
class Request:
    """One address that a client may send to.

    Attributes:
        address: matched exactly.
        arguments: in order; the id is the first of each.
        keys: what may follow as key and value, in any order, each once.
        answer: what comes back, as the docs say it.
        help: one line.
    """

    address: str
    arguments: tuple[Parameter, ...] = (ID,)
    keys: tuple[Parameter, ...] = ()
    answer: str = "/oneshot/ok id"
    help: str = ""

    @property
    def usage(self) -> str:
        """The arguments as a line: ``id prompt [key value]…``."""
        words = [argument.name for argument in self.arguments]
        return " ".join([*words, "[key value]…"] if self.keys else words)

    @property
    def types(self) -> str:
        """OSC type tags of the arguments: ``s s (s s|i|f)…``."""
        tags = [TAGS[argument.kind] for argument in self.arguments]
        return " ".join([*tags, "(s s|i|f)…"] if self.keys else tags)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One address that the daemon sends to: its arguments' names, types and meaning."""

    address: str
    arguments: str
    types: str
    help: str


def _text(name: str, text: str) -> Parameter:
    return Parameter(name=name, kind=str, low=1, high=1000, default="", help=text)


def _number(name: str, low: float, high: float, text: str) -> Parameter:
    return Parameter(name=name, kind=float, low=low, high=high, default="", help=text)


TAGS: Final[Mapping[type, str]] = {str: "s", int: "i", float: "f"}
PAD: Final = Parameter(name="pad", kind=int, low=0, high=63, default="", help="number of a pad")
STARS: Final = Parameter(name="stars", kind=int, low=0, high=5, default="", help="0 to 5")
KIT: Final = _text("name", "a kit")
BANK: Final = Parameter(
    name="bank", kind=int, low=0, high=3, default="all pads", help="sixteen of the pads"
)
LORA_NAME: Final = _text("name", "a LoRA")
VERSION: Final = Parameter(
    name="version", kind=int, low=1, high=1_000_000, default="", help="1, 2, …"
)
MAP_NAME: Final = Parameter(
    name="map", kind=str, low=0, high=100, default="", help='a MIDI map; "" for the one in use'
)
SECONDS: Final = Parameter(
    name="seconds", kind=int, low=0, high=3600, default="", help="how long; 0 ends it"
)
SOUND: Final = _text(
    "path",
    "a sound (WAV, AIFF, FLAC, OGG, MP3): a path that begins in the samples folder, or an absolute "
    "one in it or in the home",
)
GENERATED: Final = "as /oneshot/generate"
ACCEPTED: Final = (
    "/oneshot/accepted id job → /oneshot/progress → /oneshot/sample … → /oneshot/done job count ms"
)

REQUESTS: Final[Mapping[str, Request]] = {
    request.address: request
    for request in (
        Request(
            address="/oneshot/hello",
            arguments=(ID, REPLY_PORT),
            answer="/oneshot/welcome id version state lease_s",
            help="register this address and reply_port for events; any request renews it",
        ),
        Request(
            address="/oneshot/ping",
            answer="/oneshot/pong id state queue_length",
            help="is anybody there",
        ),
        Request(
            address="/oneshot/generate",
            arguments=(ID, PROMPT),
            keys=GENERATE_KEYS,
            answer=ACCEPTED,
            help="make sounds from a prompt",
        ),
        Request(
            address="/oneshot/cancel",
            arguments=(ID, JOB),
            answer="/oneshot/cancelled job",
            help="stop a job that waits or runs",
        ),
        Request(
            address="/oneshot/job",
            arguments=(ID, JOB),
            answer=GENERATED,
            help="what became of a job: all its lasting events again, for they may have been lost",
        ),
        Request(
            address="/oneshot/status",
            answer="/oneshot/state id state queue_length device model training, "
            "then /oneshot/reserve id have wanted hits misses",
            help="what the daemon is doing",
        ),
        Request(
            address="/oneshot/list",
            arguments=(ID, WHAT),
            answer="/oneshot/item id what name detail … then /oneshot/ok id",
            help="name the things of a kind",
        ),
        Request(
            address="/oneshot/pad/trigger",
            arguments=(ID, PAD, VELOCITY),
            answer=GENERATED,
            help="hit a pad: a sound from its reserve; notice reserve_miss if it has none",
        ),
        Request(
            address="/oneshot/pad/set",
            arguments=(ID, PAD),
            keys=PAD_KEYS,
            help="change one key of a pad, or several",
        ),
        Request(
            address="/oneshot/pad/get",
            arguments=(ID, PAD),
            answer="/oneshot/pad id pad key value … then /oneshot/ok id",
            help="read all keys of a pad",
        ),
        Request(
            address="/oneshot/kit/load",
            arguments=(ID, KIT),
            keys=(BANK,),
            help="put a kit on the pads; with a bank only its first sixteen pads, there",
        ),
        Request(
            address="/oneshot/kit/save",
            arguments=(ID, KIT),
            help="write the pads as a kit; one of that name is kept as a numbered backup",
        ),
        Request(
            address="/oneshot/kit/rename",
            arguments=(ID, KIT, _text("new_name", "its new name")),
            help="give a kit another name",
        ),
        Request(
            address="/oneshot/kit/list",
            answer="/oneshot/item id what name detail … then /oneshot/ok id",
            help="name the kits, as /oneshot/list kits",
        ),
        Request(
            address="/oneshot/midi/learn",
            arguments=(ID, _text("target", "as in a MIDI map: pad.3, pad.3.level, kit.house")),
            answer="/oneshot/midi/learned id target message",
            help="take the next MIDI message for a target; an error if none comes in 30 s",
        ),
        Request(
            address="/oneshot/midi/map",
            arguments=(ID, MAP_NAME),
            answer="/oneshot/item id midi_map message target … then /oneshot/ok id",
            help="take another MIDI map until the daemon ends, and tell what moves what",
        ),
        Request(
            address="/oneshot/midi/ports",
            answer="/oneshot/item id midi_ports name detail … then /oneshot/ok id",
            help="name the MIDI ports; an error says why there is no MIDI",
        ),
        Request(
            address="/oneshot/midi/monitor",
            arguments=(ID, SECONDS),
            answer="/oneshot/ok id, then /oneshot/midi/event id port message deed …",
            help="tell this client of every MIDI message and of what it did, for so long",
        ),
        Request(
            address="/oneshot/vary",
            arguments=(ID, SOUND, STRENGTH),
            keys=RESHAPE_KEYS,
            answer=GENERATED,
            help="make variations of a sound",
        ),
        Request(
            address="/oneshot/morph",
            arguments=(
                ID,
                replace(SOUND, name="path_a"),
                replace(SOUND, name="path_b", help="another sound"),
                MORPH_T,
            ),
            keys=RESHAPE_KEYS,
            answer=GENERATED,
            help="make sounds between two",
        ),
        Request(
            address="/oneshot/inpaint",
            arguments=(ID, SOUND, KEEP),
            keys=INPAINT_KEYS,
            answer=GENERATED,
            help="keep one part of a sound and make the rest anew",
        ),
        Request(
            address="/oneshot/lora",
            arguments=(ID, LORA_NAME, _number("weight", -2, 4, "how much; 0 unloads")),
            help="change the blend of LoRAs for requests that name none",
        ),
        Request(
            address="/oneshot/lora/use",
            arguments=(ID, LORA_NAME, VERSION),
            help="make a version of a LoRA the live one: an earlier one, or one that was held",
        ),
        Request(
            address="/oneshot/train",
            arguments=(ID, _text("dataset", "a folder in datasets")),
            answer="/oneshot/accepted id job → /oneshot/train/progress job fraction step loss → "
            "/oneshot/lora/ready job name version → /oneshot/done",
            help="train a LoRA on a folder of sounds",
        ),
        Request(
            address="/oneshot/model",
            arguments=(ID, _text("name", "a model")),
            answer="/oneshot/accepted id job → /oneshot/progress → /oneshot/done job 0 ms",
            help="load another model in the background and render with it until the daemon ends",
        ),
        Request(
            address="/oneshot/star",
            arguments=(ID, _text("path", "a sound, as /oneshot/sample told it"), STARS),
            help="rate a sound in the samples folder; the stars are kept in its file",
        ),
    )
}
"""Address to request."""

ANSWERS: Final = (
    Answer(
        address="/oneshot/welcome",
        arguments="id version state lease_s",
        types="s s s i",
        help="registered; renew within lease_s seconds by any request",
    ),
    Answer(
        address="/oneshot/pong",
        arguments="id state queue_length",
        types="s s i",
        help="alive",
    ),
    Answer(
        address="/oneshot/accepted",
        arguments="id job",
        types="s s",
        help="the job is written down and will end with exactly one of done, error, cancelled",
    ),
    Answer(
        address="/oneshot/progress",
        arguments="job fraction stage",
        types="s f s",
        help="0 to 1, at most ten a second",
    ),
    Answer(
        address="/oneshot/sample",
        arguments="job index path seed seconds draft",
        types="s i s i f i",
        help="a sound is in the samples folder; draft is 1 if a better one is to take its place",
    ),
    Answer(
        address="/oneshot/sample/better",
        arguments="job index path seed seconds",
        types="s i s i f",
        help="a draft was replaced: the same file has the same seed's sound in its best quality",
    ),
    Answer(
        address="/oneshot/done",
        arguments="job count ms",
        types="s i i",
        help="the end: all sounds are there",
    ),
    Answer(
        address="/oneshot/cancelled", arguments="job", types="s", help="the end, as it was asked"
    ),
    Answer(
        address="/oneshot/error",
        arguments="id-or-job code text",
        types="s s s",
        help="a request that was refused, or the end of a job",
    ),
    Answer(
        address="/oneshot/notice",
        arguments="job code text",
        types="s s s",
        help="a remark, never an end: unknown_words, retried, reserve_miss, fallback, near_copy, "
        "skipped (a file that is not trained on), held (a LoRA that is no better), "
        "memory (what a training needs), draft_stays (a sound that could not be made better), "
        "stars (why a training of them began by itself)",
    ),
    Answer(
        address="/oneshot/train/progress",
        arguments="job fraction step loss",
        types="s f i f",
        help="how far a training is, at most twice a second",
    ),
    Answer(
        address="/oneshot/lora/ready",
        arguments="job name version",
        types="s s i",
        help="a new version of a LoRA is live",
    ),
    Answer(
        address="/oneshot/item",
        arguments="id what name detail",
        types="s s s s",
        help="one thing of a list",
    ),
    Answer(
        address="/oneshot/midi/learned",
        arguments="id target message",
        types="s s s",
        help="the MIDI message that moves the target from now on",
    ),
    Answer(
        address="/oneshot/midi/event",
        arguments="id port message deed",
        types="s s s s",
        help="a MIDI message and what it did; clock ticks are left out",
    ),
    Answer(
        address="/oneshot/ok",
        arguments="id [count]",
        types="s [i]",
        help="done, or the list's end and how many items it has",
    ),
    Answer(
        address="/oneshot/state",
        arguments="id state queue_length device model training",
        types="s s i s s s",
        help="state is starting, loading, ready, busy (still accepts) or failed",
    ),
    Answer(
        address="/oneshot/reserve",
        arguments="id have wanted hits misses",
        types="s i i i i",
        help="finished sounds of all pads that wait for a hit, how many there should be, and how "
        "many hits found one or none since the start",
    ),
    Answer(
        address="/oneshot/pad",
        arguments="id pad key value",
        types="s i s s|i|f",
        help="one key of a pad",
    ),
)
"""What the daemon sends."""
