"""All of MIDI but the devices: bytes in, hits out, on a real event loop."""

import asyncio
import random

import pytest

from oneshot_server.domain.events import SamplePublished
from oneshot_server.domain.midi import Learned
from oneshot_server.domain.pads import Pad
from oneshot_server.errors import (
    BadArgumentsError,
    BusyError,
    NoMidiError,
    NotFoundError,
    SettingsError,
)
from oneshot_server.settings import MidiSettings
from oneshot_server.transports.midi import transport as module
from oneshot_server.transports.midi.fake_rtmidi import FakeRtMidi
from oneshot_server.transports.midi.open_ports import CLIENT
from oneshot_server.transports.midi.transport import MidiTransport
from oneshot_server.transports.osc.fake_core import FakeCore

OURS = f"{CLIENT} in"


class Rig:
    def __init__(self, maps, **settings):
        self.studio = FakeRtMidi()
        self.studio.sources = ["Keys"]
        self.core = FakeCore()
        self.core.pads = [Pad(prompt="kick")] * 64
        self.midi = MidiTransport(
            self.core,
            MidiSettings(poll_seconds=0.2, **settings),
            maps,
            load=lambda: self.studio,
        )
        self.told = asyncio.Queue()
        self.midi.watch(self.told.put_nowait)
        self.lines = asyncio.Queue()
        self.midi.on_ports(self.lines.put_nowait)

    async def play(self, *data, port="Keys"):
        """Let bytes come that are one message; returns what was done."""
        self.studio.play(port, *data)
        return (await asyncio.wait_for(self.told.get(), 20)).deed


def run(body, maps, **settings):
    async def main():
        rig = Rig(maps, **settings)
        rig.midi.start()
        try:
            await asyncio.wait_for(rig.lines.get(), 20)
            await body(rig)
        finally:
            await rig.midi.stop()

    asyncio.run(main())


def test_a_note_on_a_port_hits_its_pad(tmp_path):
    async def body(rig):
        assert await rig.play(0x99, 36, 127) == "pad 0 at 1.00, job hit-0"
        assert await rig.play(0x99, 37, 127, port=OURS) == "pad 1 at 1.00, job hit-1"
        assert rig.core.hits == [(0, 1.0), (1, 1.0)]

    run(body, tmp_path)


def test_other_channels_are_not_listened_to(tmp_path):
    async def body(rig):
        assert await rig.play(0x90, 36, 127) == "ignored: midi.channel is 10"
        assert await rig.play(0x99, 36, 127) == "pad 0 at 1.00, job hit-0"

    run(body, tmp_path, channel=10)


def test_each_port_has_a_running_status_of_its_own(tmp_path):
    async def body(rig):
        await rig.play(0x99, 36, 127)
        rig.studio.play(OURS, 37, 127)  # data of nothing
        await rig.play(38, 127)
        assert rig.core.hits == [(0, 1.0), (2, 1.0)]

    run(body, tmp_path)


def test_ports_and_map_are_told(tmp_path):
    async def body(rig):
        items = {item.name: item.detail for item in rig.midi.ports()}
        assert items == {CLIENT: "input, open, coremidi", "Keys": "input, open, coremidi"}
        assert ("note 36-51", "pad.0") in [(i.name, i.detail) for i in rig.midi.map_items()]

    run(body, tmp_path)


def test_a_learned_message_moves_its_target_from_then_on_and_after_a_restart(tmp_path):
    async def learn(rig):
        ends = []
        rig.midi.learn("pad.7", ends.append)
        assert await rig.play(0x90, 36, 0) == "let go"  # a key that is let go of
        assert await rig.play(0xB0, 20, 0) == ""  # a button too
        assert await rig.play(0x90, 100, 9) == "learned"
        assert ends == [Learned(target="pad.7", message="note 100, channel 1")]
        assert rig.core.hits == []
        await play(rig)

    async def play(rig):
        assert await rig.play(0x90, 100, 127) == "pad 7 at 1.00, job hit-0"

    run(learn, tmp_path)
    run(play, tmp_path)


def test_a_knob_is_learned_for_a_number_and_notes_go_on_playing_meanwhile(tmp_path):
    async def body(rig):
        ends = []
        rig.midi.learn("pad.7.level", ends.append)
        assert await rig.play(0x90, 36, 127) == "pad 0 at 1.00, job hit-0"
        assert await rig.play(0xB2, 20, 64) == "learned"
        assert ends == [Learned(target="pad.7.level", message="cc 20, channel 3")]
        assert await rig.play(0xB2, 20, 127) == "pad.7.level = 0"

    run(body, tmp_path)


def test_what_people_wrote_beside_what_was_learned_stays(tmp_path):
    learned = tmp_path / "learned.toml"
    learned.write_text('# my own words\n[[bindings]]\nnote = 1\nchannel = 1\nto = "pad.1"')

    async def body(rig):
        for note, name in ((2, 'kit.a "b" \\ ü'), (3, "pad.3")):
            rig.midi.learn(name, lambda _: None)
            assert await rig.play(0x90, note, 127) == "learned"
        assert learned.read_text().startswith("# my own words\n[[bindings]]\nnote = 1\n")
        assert await rig.play(0x90, 1, 127) == "pad 1 at 1.00, job hit-0"
        assert await rig.play(0x90, 2, 127) == 'kit a "b" \\ ü'
        assert await rig.play(0x90, 3, 127) == "pad 3 at 1.00, job hit-1"

    run(body, tmp_path)


def test_a_file_of_learned_things_that_was_broken_meanwhile_is_left_alone(tmp_path):
    async def body(rig):
        (tmp_path / "learned.toml").write_text("[[")
        ends = []
        rig.midi.learn("pad.7", ends.append)
        await rig.play(0x90, 100, 9)
        assert isinstance(ends[0], SettingsError)
        assert (tmp_path / "learned.toml").read_text() == "[["
        assert await rig.play(0x90, 36, 127) == "pad 0 at 1.00, job hit-0"

    run(body, tmp_path)


def test_learning_ends_with_an_error_when_nothing_comes_and_when_another_one_begins(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(module, "LEARN_SECONDS", 0.05)

    async def body(rig):
        ends = asyncio.Queue()
        rig.midi.learn("pad.1", ends.put_nowait)
        rig.midi.learn("pad.2", ends.put_nowait)
        assert isinstance(await ends.get(), BusyError)
        assert str(await ends.get()) == "no MIDI message for pad.2 came within 0.05 s"

    run(body, tmp_path)


def test_learning_ends_with_an_error_when_the_daemon_does(tmp_path):
    ends = []

    async def body(rig):
        rig.midi.learn("pad.3", ends.append)

    run(body, tmp_path)
    assert isinstance(ends[0], NotFoundError)


def test_what_cannot_be_learned_is_refused_at_once(tmp_path):
    async def body(rig):
        for target in ("pad.99", "kits", ""):
            with pytest.raises(BadArgumentsError):
                rig.midi.learn(target, lambda _: None)

    run(body, tmp_path)


def test_without_midi_it_says_what_to_do_and_picks_up_what_comes_later(tmp_path):
    async def main():
        rig = Rig(tmp_path)
        rig.studio.broken = True
        rig.midi.start()
        line = await asyncio.wait_for(rig.lines.get(), 20)
        assert line.startswith("No MIDI yet, OSC goes on. MIDI cannot be used (")
        with pytest.raises(NoMidiError):
            rig.midi.ports()
        with pytest.raises(NoMidiError):
            rig.midi.learn("pad.1", lambda _: None)
        rig.studio.broken = False
        assert (
            await asyncio.wait_for(rig.lines.get(), 20) == "MIDI (coremidi): oneshot-server, Keys"
        )
        assert await rig.play(0x99, 36, 127) == "pad 0 at 1.00, job hit-0"
        await rig.midi.stop()

    asyncio.run(main())


def test_midi_that_is_off_opens_nothing(tmp_path):
    async def body(rig):
        with pytest.raises(NoMidiError, match="MIDI is off"):
            rig.midi.ports()
        assert rig.studio.listened_to == set()

    run(body, tmp_path, enabled=False)


def test_a_light_that_comes_back_hits_nothing(tmp_path):
    async def body(rig):
        await rig.play(0x99, 36, 100)
        sample = SamplePublished(job="hit-0", index=0, path="/k.wav", seed=1, seconds=0.5)
        rig.core.emit(sample)
        assert await rig.play(0x99, 36, 100) == "ignored: a light that came back"
        assert await rig.play(0x99, 36, 100) == "pad 0 at 0.79, job hit-1"

    run(body, tmp_path, outputs=("*",))


def test_an_error_within_costs_one_message(tmp_path):
    async def body(rig):
        broken = rig.core.trigger_pad
        rig.core.trigger_pad = lambda *_: 1 / 0
        rig.studio.play("Keys", 0x99, 36, 100)
        await asyncio.sleep(0.05)
        rig.core.trigger_pad = broken
        assert await rig.play(0x99, 37, 127) == "pad 1 at 1.00, job hit-0"

    run(body, tmp_path)


def test_a_map_is_changed_and_a_broken_one_refused(tmp_path):
    async def body(rig):
        (tmp_path / "mine.toml").write_text('[[bindings]]\nnote = 1\nto = "pad.9"')
        (tmp_path / "broken.toml").write_text("[[bindings]]\nnote = 1")
        rig.midi.use_map("mine")
        with pytest.raises(SettingsError, match=r"broken\.toml: line 1"):
            rig.midi.use_map("broken")
        assert rig.midi.map_name == "mine"
        assert await rig.play(0x90, 1, 127) == "pad 9 at 1.00, job hit-0"

    run(body, tmp_path)


def test_random_bytes_of_a_port_leave_everything_alive_and_no_hit_without_an_end(tmp_path):
    async def body(rig):
        source = random.Random(8)
        for _ in range(3000):
            rig.studio.play("Keys", *source.randbytes(source.randint(1, 3)))
            if source.random() < 0.02:
                await asyncio.sleep(0)
        rig.studio.play("Keys", 0x99, 36, 126)
        while (await asyncio.wait_for(rig.told.get(), 20)).deed != (
            f"pad 0 at 0.99, job hit-{len(rig.core.hits) - 1}"
        ):
            pass

    run(body, tmp_path, quantise="1/16")
