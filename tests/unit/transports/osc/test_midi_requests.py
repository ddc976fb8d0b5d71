import asyncio
from collections.abc import Awaitable, Callable

from oneshot_server.domain.midi import Learned, MidiEvent
from oneshot_server.errors import NoMidiError, NotFoundError
from oneshot_server.transports.osc.fake_core import FakeCore
from oneshot_server.transports.osc.fake_midi import FakeMidi
from oneshot_server.transports.osc.midi_requests import MOST_EVENTS
from oneshot_server.transports.osc.server import start_osc_server
from tests.unit.transports.osc.peer import Clock, Peer

Test = Callable[[FakeMidi, Peer, Clock], Awaitable[None]]
EVENT = MidiEvent(port="pads one", message="note 36 on", deed="pad 0 at 0.79")


def run(test: Test) -> None:
    async def body() -> None:
        midi, clock = FakeMidi(), Clock()
        server = await start_osc_server(
            FakeCore(), midi, "127.0.0.1", 0, version="1.2", clock=clock
        )
        peer = Peer(server.port)
        try:
            await test(midi, peer, clock)
        finally:
            peer.client.close()
            server.stop()
            await asyncio.sleep(0)
        assert midi.watchers == []

    asyncio.run(body())


def test_ports_are_listed_by_either_address():
    async def body(_midi, peer, _clock):
        for address, more in (("/oneshot/midi/ports", ()), ("/oneshot/list", ("midi_ports",))):
            peer.send(address, "a", *more)
            item = ("/oneshot/item", "a", "midi_ports", "pads one", "input, open, fake")
            assert await peer.receive() == item
            assert await peer.receive() == ("/oneshot/ok", "a", 1)

    run(body)


def test_without_midi_the_ports_are_an_error_that_says_what_to_do():
    async def body(midi, peer, _clock):
        midi.problem = NoMidiError("no ALSA sequencer", "sudo modprobe snd-seq")
        peer.send("/oneshot/midi/ports", "a")
        text = "no ALSA sequencer: sudo modprobe snd-seq"
        assert await peer.receive() == ("/oneshot/error", "a", "not_found", text)

    run(body)


def test_the_map_is_told_and_changed():
    async def body(_midi, peer, _clock):
        for name, used in (("", "default"), ("mine", "mine")):
            peer.send("/oneshot/midi/map", "a", name)
            item = ("/oneshot/item", "a", "midi_map", "note 36-51", f"pad.0 of {used}")
            assert await peer.receive() == item
            assert await peer.receive() == ("/oneshot/ok", "a", 1)
        peer.send("/oneshot/midi/map", "b", "none")
        assert (await peer.receive())[:3] == ("/oneshot/error", "b", "not_found")

    run(body)


def test_what_was_learned_goes_to_who_asked():
    async def body(midi, peer, _clock):
        peer.send("/oneshot/midi/learn", "a", "pad.3")
        assert await peer.silent()
        target, end = midi.learning[0]
        assert target == "pad.3"
        end(Learned(target="pad.3", message="note 40, channel 10"))
        learned = ("/oneshot/midi/learned", "a", "pad.3", "note 40, channel 10")
        assert await peer.receive() == learned

    run(body)


def test_learning_that_came_to_nothing_is_an_error():
    async def body(midi, peer, _clock):
        peer.send("/oneshot/midi/learn", "a", "pad.3")
        assert await peer.silent()
        midi.learning[0][1](NotFoundError("no MIDI message came within 30 s"))
        error = ("/oneshot/error", "a", "not_found", "no MIDI message came within 30 s")
        assert await peer.receive() == error
        peer.send("/oneshot/midi/learn", "b", "none")
        assert (await peer.receive())[:3] == ("/oneshot/error", "b", "bad_arguments")

    run(body)


def test_a_repeated_learn_is_answered_again_and_not_begun_again():
    async def body(midi, peer, clock):
        for _ in range(2):
            peer.send("/oneshot/midi/learn", "a", "pad.3")
            assert await peer.silent()
        assert len(midi.learning) == 1
        midi.learning[0][1](Learned(target="pad.3", message="note 40, channel 10"))
        first = await peer.receive()
        peer.send("/oneshot/midi/learn", "a", "pad.3")
        assert await peer.receive() == first
        clock.now = 100.0
        peer.send("/oneshot/midi/learn", "a", "pad.3")
        assert await peer.silent()
        assert len(midi.learning) == 2

    run(body)


def test_a_monitor_is_told_of_messages_until_its_time_is_over():
    async def body(midi, peer, clock):
        peer.send("/oneshot/midi/monitor", "m", 10)
        assert await peer.receive() == ("/oneshot/ok", "m")
        midi.watchers[0](EVENT)
        told = ("/oneshot/midi/event", "m", "pads one", "note 36 on", "pad 0 at 0.79")
        assert await peer.receive() == told
        clock.now = 11.0
        midi.watchers[0](EVENT)
        assert midi.watchers == []
        assert await peer.silent()

    run(body)


def test_a_monitor_ends_when_it_says_so():
    async def body(midi, peer, _clock):
        for seconds in (10, 0):
            peer.send("/oneshot/midi/monitor", "m", seconds)
            assert await peer.receive() == ("/oneshot/ok", "m")
        assert midi.watchers == []

    run(body)


def test_a_flood_of_messages_is_no_flood_of_datagrams():
    async def body(midi, peer, clock):
        peer.send("/oneshot/midi/monitor", "m", 10)
        assert await peer.receive() == ("/oneshot/ok", "m")
        for _ in range(10 * MOST_EVENTS):
            midi.watchers[0](EVENT)
        peer.send("/oneshot/ping", "end")
        received = []
        while not received or received[-1][0] != "/oneshot/pong":
            received.append(await peer.receive())
        assert len(received) - 1 <= MOST_EVENTS
        clock.now = 1.5
        midi.watchers[0](EVENT)
        assert (await peer.receive())[0] == "/oneshot/midi/event"

    run(body)
