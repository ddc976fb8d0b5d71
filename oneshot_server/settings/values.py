"""Every setting: its type, range, default and help, said once for file, errors and docs."""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct, field

from oneshot_server.domain.finish_options import FinishOptions, SampleRate
from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.domain.sound_name import DEFAULT_TEMPLATE, TEMPLATE_PATTERN

LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
"""Hosts to listen on that only this machine reaches."""


class OscSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the daemon listens for OSC."""

    host: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=253,
            description="address to listen on; other than 127.0.0.1 lets the network in",
        ),
    ] = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65535, description="UDP port to listen on")] = 9330
    lease_seconds: Annotated[
        int,
        Meta(ge=5, le=3600, description="how long a client that says nothing still gets events"),
    ] = 60


class SamplesSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the sounds appear and how they are finished."""

    folder: Annotated[
        str,
        Meta(max_length=1000, description='folder for the sounds; "" is samples in the home'),
    ] = ""
    user_library: Annotated[
        str,
        Meta(
            max_length=1000,
            description="Ableton Live's User Library, for oneshot doctor; "
            '"" looks where Live puts it',
        ),
    ] = ""
    subtype: Annotated[
        Literal["PCM_16", "PCM_24", "FLOAT"], Meta(description="sample format of the WAV files")
    ] = "PCM_24"
    sample_rate: Annotated[
        Literal["model", SampleRate],
        Meta(description='sample rate of the files, Hz; "model" is what the model paints'),
    ] = "model"
    width: Annotated[
        float,
        Meta(
            ge=0.0,
            le=1.0,
            description="stereo where a request does not say it: 0 makes mono files, 1 the widest",
        ),
    ] = 0.0
    level: Annotated[
        Literal["peak", "lufs"],
        Meta(description="what is made equal: the highest sample, or the loudness"),
    ] = "peak"
    peak_db: Annotated[
        float, Meta(ge=-30.0, le=-0.1, description='highest sample, dBFS; with "lufs" the ceiling')
    ] = -1.0
    lufs: Annotated[
        float, Meta(ge=-40.0, le=-5.0, description='loudness with level = "lufs", LUFS')
    ] = -14.0
    tail_db: Annotated[
        float,
        Meta(ge=-120.0, le=-20.0, description="the tail is cut below this, dB under the peak"),
    ] = -60.0
    fade_seconds: Annotated[
        float, Meta(ge=0.001, le=0.5, description="length of the fade at the cut, seconds")
    ] = 0.01
    name: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=100,
            pattern=TEMPLATE_PATTERN,
            examples=["{class}_{words}_{key}_{seed}"],
            description="names of the files, made of {class}, {words}, {key} and {seed}; what a "
            "prompt does not say is left out",
        ),
    ] = DEFAULT_TEMPLATE
    keep_days: Annotated[
        int,
        Meta(
            ge=0,
            le=100_000,
            description="renders without stars and tags are moved to trash after so long; "
            "0 keeps all",
        ),
    ] = 0

    def finish_options(self, request: GenerateRequest | None = None) -> FinishOptions:
        """These settings for the sounds of a request, or for a sound that none asked for."""
        request = request or GenerateRequest(prompt="-")
        return FinishOptions(
            level=self.level,
            peak_db=self.peak_db,
            lufs=self.lufs,
            tail_db=self.tail_db,
            fade_seconds=self.fade_seconds,
            max_seconds=request.seconds,
            tune=request.tune or 0.0,
            gain_db=request.level or 0.0,
            sample_rate=None if self.sample_rate == "model" else self.sample_rate,
            width=self.width if request.width is None else request.width,
        )


class EngineSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What renders, and on what."""

    model: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=1000,
            description='"starter", the name of a folder in models, or a path',
        ),
    ] = "starter"
    device: Annotated[
        str,
        Meta(min_length=1, max_length=40, description='"auto", "cpu", "cuda", "cuda:1" or "mps"'),
    ] = "auto"
    precision: Annotated[
        Literal["auto", "fp32", "fp16", "bf16"],
        Meta(description='of large models; "auto" is fp16 on a GPU, on a CPU what is faster'),
    ] = "auto"
    threads: Annotated[
        int, Meta(ge=0, le=256, description="CPU threads; 0 leaves the choice to torch")
    ] = 0
    max_batch: Annotated[
        int, Meta(ge=1, le=64, description="sounds rendered together; less needs less memory")
    ] = 8


class JobsSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many triggers may wait."""

    queue_limit: Annotated[
        int, Meta(ge=1, le=10000, description="jobs that may wait; more are refused as busy")
    ] = 64


class PadsSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the pads play at first, and how many sounds wait for a hit."""

    kit: Annotated[
        str, Meta(max_length=80, description='kit of a new home; "" leaves its pads empty')
    ] = "house"
    reserve: Annotated[
        int,
        Meta(ge=0, le=64, description="finished sounds kept for each pad, rendered while idle"),
    ] = 4
    reserve_megabytes: Annotated[
        int,
        Meta(ge=1, le=100_000, description="no more is rendered when they take up as much disk"),
    ] = 256
    taste: Annotated[
        bool,
        Meta(
            description="once 20 sounds have 3 stars or more, and 20 were heard that have less, "
            "two are rendered for each and the one kept that will be liked better"
        ),
    ] = False


class TrainingSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How LoRAs are trained on the folders in datasets."""

    automatic: Annotated[
        bool, Meta(description="train by itself when a folder in datasets has changed")
    ] = True
    settle_seconds: Annotated[
        float,
        Meta(ge=0.5, le=3600.0, description="a folder is looked at when nothing moved for so long"),
    ] = 5.0
    polling: Annotated[
        bool, Meta(description="look again and again, for network drives that tell no changes")
    ] = False
    taste_every: Annotated[
        int,
        Meta(
            ge=0,
            le=10_000,
            description="train the LoRA taste by itself each time so many more sounds have 4 stars "
            "or more; 0 leaves that to oneshot train --starred and the page",
        ),
    ] = 0
    rank: Annotated[int, Meta(ge=1, le=256, description="rank of the LoRA's matrices")] = 16
    alpha: Annotated[float, Meta(ge=0.01, le=1024.0, description="their scale is alpha / rank")] = (
        16.0
    )
    steps: Annotated[
        int, Meta(ge=0, le=100_000, description="optimiser steps; 0 goes by the folder's size")
    ] = 0
    learning_rate: Annotated[
        float,
        Meta(
            ge=0.0,
            le=0.1,
            description="of the optimiser; falls towards the end; 0 goes by the model: "
            "0.002 for the starter, 0.0001 for Stable Diffusion",
        ),
    ] = 0.0
    batch: Annotated[int, Meta(ge=1, le=256, description="sounds a step")] = 16
    max_seconds: Annotated[
        float,
        Meta(ge=0.1, le=60.0, description="longer files are loops and are left out, seconds"),
    ] = 8.0
    micro_batch: Annotated[
        int,
        Meta(
            ge=0,
            le=256,
            description="sounds at once; less needs less memory; 0 goes by what is free",
        ),
    ] = 0
    precision: Annotated[
        Literal["auto", "fp32", "fp16", "bf16"],
        Meta(description="of the UNet's products; auto takes half of it on CUDA for large models"),
    ] = "auto"
    checkpointing: Annotated[
        Literal["auto", "on", "off"],
        Meta(description="a third slower for a fraction of the memory; auto where it is needed"),
    ] = "auto"
    optimiser: Annotated[
        Literal["adamw", "adamw8bit"],
        Meta(
            description='adamw8bit needs less memory, and pip install "oneshot-server[train8bit]"'
        ),
    ] = "adamw"
    text_encoder: Annotated[bool, Meta(description="adapt the text encoder too")] = False
    launch_options: Annotated[
        str,
        Meta(
            max_length=1000,
            description='options of accelerate launch, as in "--multi_gpu --mixed_precision bf16"',
        ),
    ] = ""


Patterns = tuple[Annotated[str, Meta(min_length=1, max_length=200)], ...]


class MidiSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Controllers, clocks and lights; a machine without MIDI is played by OSC."""

    enabled: Annotated[bool, Meta(description="listen to MIDI")] = True
    backend: Annotated[
        Literal["auto", "alsa", "jack", "coremidi", "winmm"],
        Meta(description="the system's MIDI; auto takes the first that is there"),
    ] = "auto"
    inputs: Annotated[
        Patterns,
        Meta(max_length=32, description='ports to listen to, by name or with * as in "nano*"'),
    ] = ("*",)
    ignored: Annotated[
        Patterns, Meta(max_length=32, description="ports that are never listened to")
    ] = ("Midi Through*",)
    virtual: Annotated[
        bool, Meta(description="be a port that others can send to, where the system has that")
    ] = True
    channel: Annotated[
        Annotated[int, Meta(ge=1, le=16)] | Literal["omni"],
        Meta(description="channel to listen to; omni is all"),
    ] = "omni"
    map: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=100,
            description="what moves what: the name of a file in midi, or of one that is built in",
        ),
    ] = "default"
    quantise: Annotated[
        Literal["off", "1/1", "1/2", "1/4", "1/8", "1/8t", "1/16", "1/16t", "1/32"],
        Meta(description="play pads on the beat of a MIDI clock; t is for triplets"),
    ] = "off"
    takeover: Annotated[
        bool, Meta(description="a knob moves nothing until it meets the value as it is")
    ] = True
    outputs: Annotated[
        Patterns,
        Meta(
            max_length=32, description="ports that a note is sent back to when its sound is there"
        ),
    ] = ()
    poll_seconds: Annotated[
        float, Meta(ge=0.2, le=60.0, description="how often to look for ports that come and go")
    ] = 2.0


class WebSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The page in the browser."""

    enabled: Annotated[bool, Meta(description="serve the page")] = True
    host: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=253,
            description="address to listen on; other than 127.0.0.1 lets the network in, "
            "and then a token is asked for",
        ),
    ] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="TCP port to listen on; 0 takes any")] = (
        9331
    )
    token: Annotated[
        str,
        Meta(
            max_length=200,
            description='what a browser must show; "" makes one up where the network is let in',
        ),
    ] = ""
    upload_megabytes: Annotated[
        int, Meta(ge=1, le=1024, description="the largest file that may be dropped on the page")
    ] = 100


class LogSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is written to the logs folder."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Meta(description="the least grave thing that is written"),
    ] = "info"
    max_bytes: Annotated[
        int, Meta(ge=10_000, le=1_000_000_000, description="a log of this size is put aside, bytes")
    ] = 5_000_000
    backups: Annotated[int, Meta(ge=0, le=100, description="logs put aside that are kept")] = 5


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that ``config.toml`` can say."""

    osc: OscSettings = field(default_factory=OscSettings)
    samples: SamplesSettings = field(default_factory=SamplesSettings)
    engine: EngineSettings = field(default_factory=EngineSettings)
    jobs: JobsSettings = field(default_factory=JobsSettings)
    pads: PadsSettings = field(default_factory=PadsSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    midi: MidiSettings = field(default_factory=MidiSettings)
    web: WebSettings = field(default_factory=WebSettings)
    log: LogSettings = field(default_factory=LogSettings)
