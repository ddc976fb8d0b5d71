import asyncio
from collections.abc import Awaitable, Callable

import pytest

from oneshot_server.domain.events import (
    Done,
    JobId,
    LoraReady,
    Progress,
    SamplePublished,
    TrainingProgress,
)
from oneshot_server.domain.library import LibraryChange
from oneshot_server.errors import AlreadyRunningError
from oneshot_server.transports.fake_library import sound
from oneshot_server.transports.osc.encode import message
from oneshot_server.transports.osc.fake_core import FakeCore
from oneshot_server.transports.osc.fake_midi import FakeMidi
from oneshot_server.transports.osc.server import OscServer, start_osc_server
from tests.mutations import bundle, mutated_packets
from tests.unit.transports.osc.peer import Clock, Peer

Test = Callable[[FakeCore, OscServer, Peer, Clock], Awaitable[None]]


def run(test: Test) -> None:
    async def body() -> None:
        core, clock = FakeCore(), Clock()
        server = await start_osc_server(
            core, FakeMidi(), "127.0.0.1", 0, version="1.2", clock=clock
        )
        peer = Peer(server.port)
        try:
            await test(core, server, peer, clock)
        finally:
            peer.client.close()
            server.stop()
            await asyncio.sleep(0)

    asyncio.run(body())


def test_ping_status_and_list_are_answered_to_the_sender():
    async def body(_core, _server, peer, _clock):
        peer.send("/oneshot/ping", "a")
        assert await peer.receive() == ("/oneshot/pong", "a", "ready", 0)
        peer.send("/oneshot/status", "b")
        assert await peer.receive() == ("/oneshot/state", "b", "ready", 0, "cpu", "fake", "")
        assert await peer.receive() == ("/oneshot/reserve", "b", 0, 0, 0, 0)
        peer.send("/oneshot/list", "c", "models")
        assert await peer.receive() == ("/oneshot/item", "c", "models", "models one", "1")
        assert await peer.receive() == ("/oneshot/item", "c", "models", "models two", "2")
        assert await peer.receive() == ("/oneshot/ok", "c", 2)

    run(body)


def test_recent_sounds_are_listed_when_the_library_has_answered_and_other_requests_before():
    async def body(core, _server, peer, _clock):
        looked = asyncio.Event()

        async def recent():
            await looked.wait()
            return core.list_items("recent")

        core.recent = recent
        peer.send("/oneshot/list", "c", "recent")
        peer.send("/oneshot/ping", "p")
        assert (await peer.receive())[:2] == ("/oneshot/pong", "p")
        looked.set()
        assert await peer.receive() == ("/oneshot/item", "c", "recent", "recent one", "1")
        assert await peer.receive() == ("/oneshot/item", "c", "recent", "recent two", "2")
        assert await peer.receive() == ("/oneshot/ok", "c", 2)

    run(body)


def test_a_star_is_kept_and_what_cannot_be_is_said():
    async def body(core, _server, peer, _clock):
        core.library.change(LibraryChange(now=(sound(1),)))
        peer.send("/oneshot/star", "a", "kick_1.wav", 4)
        assert await peer.receive() == ("/oneshot/ok", "a")
        assert core.library.sounds.sound(1).stars == 4
        peer.send("/oneshot/star", "b", "no.wav", 4)
        assert (await peer.receive())[:3] == ("/oneshot/error", "b", "not_found")
        peer.send("/oneshot/star", "c", "kick_1.wav", 6)
        assert (await peer.receive())[:3] == ("/oneshot/error", "c", "bad_arguments")

    run(body)


def test_a_job_is_followed_from_accepted_to_done_by_who_asked():
    async def body(core, _server, peer, _clock):
        peer.send("/oneshot/generate", "a", "kick", "count", 1, "seed", 9)
        assert await peer.receive() == ("/oneshot/accepted", "a", "job-0")
        assert (core.submitted[0].prompt, core.submitted[0].seed) == ("kick", 9)
        core.emit(Progress(job=JobId("job-0"), fraction=0.5, stage="sampling"))
        core.emit(SamplePublished(job=JobId("job-0"), index=0, path="/k.wav", seed=9, seconds=0.5))
        core.emit(Done(job=JobId("job-0"), count=1, milliseconds=700))
        assert await peer.receive() == ("/oneshot/progress", "job-0", 0.5, "sampling")
        assert await peer.receive() == ("/oneshot/sample", "job-0", 0, "/k.wav", 9, 0.5)
        assert await peer.receive() == ("/oneshot/done", "job-0", 1, 700)

    run(body)


def test_a_training_is_followed_to_its_lora_by_who_asked():
    async def body(core, _server, peer, _clock):
        peer.send("/oneshot/train", "a", "my kicks")
        assert await peer.receive() == ("/oneshot/accepted", "a", "training-1")
        assert core.asked == [("train", "my kicks")]
        job = JobId("training-1")
        core.emit(
            TrainingProgress(
                job=job, fraction=0.25, step=50, loss=0.5, seconds_left=9.0, device="cpu"
            )
        )
        core.emit(LoraReady(job=job, name="my kicks", version=3))
        core.emit(Done(job=job, count=1, milliseconds=9))
        assert await peer.receive() == ("/oneshot/train/progress", job, 0.25, 50, 0.5)
        assert await peer.receive() == ("/oneshot/lora/ready", job, "my kicks", 3)
        assert await peer.receive() == ("/oneshot/done", job, 1, 9)
        peer.send("/oneshot/train", "b", "none")
        assert (await peer.receive())[:3] == ("/oneshot/error", "b", "not_found")

    run(body)


def test_a_training_that_is_asked_for_twice_is_one():
    async def body(core, _server, peer, _clock):
        for _ in range(2):
            peer.send("/oneshot/train", "a", "my kicks")
            assert await peer.receive() == ("/oneshot/accepted", "a", "training-1")
        assert len(core.asked) == 1

    run(body)


def test_the_blend_and_the_live_version_are_set():
    async def body(core, _server, peer, _clock):
        peer.send("/oneshot/lora", "a", "my kicks", -1.5)
        assert await peer.receive() == ("/oneshot/ok", "a")
        peer.send("/oneshot/lora/use", "b", "my kicks", 2)
        assert await peer.receive() == ("/oneshot/ok", "b")
        peer.send("/oneshot/lora", "c", "my kicks", 4.5)
        assert (await peer.receive())[:3] == ("/oneshot/error", "c", "bad_arguments")
        assert core.asked == [("set_lora", "my kicks", -1.5), ("use_lora", "my kicks", 2)]

    run(body)


def test_a_seed_that_is_left_open_is_drawn_anew_each_time():
    async def body(core, _server, peer, _clock):
        for number in range(5):
            peer.send("/oneshot/generate", f"{number}", "kick")
            await peer.receive()
        assert len({request.seed for request in core.submitted}) == 5

    run(body)


def test_who_said_hello_gets_answers_and_all_jobs_events_at_the_reply_port():
    async def body(core, server, peer, _clock):
        device = Peer(server.port)
        peer.send("/oneshot/hello", "h", device.client.port)
        assert await device.receive() == ("/oneshot/welcome", "h", "1.2", "ready", 60)
        peer.send("/oneshot/ping", "p")
        assert (await device.receive())[0] == "/oneshot/pong"
        stranger = Peer(server.port)
        stranger.send("/oneshot/generate", "s", "kick")
        assert await stranger.receive() == ("/oneshot/accepted", "s", "job-0")
        assert await device.receive() == ("/oneshot/accepted", "s", "job-0")
        core.emit(Done(job=JobId("job-0"), count=1, milliseconds=1))
        assert (await stranger.receive())[0] == (await device.receive())[0] == "/oneshot/done"
        device.client.close()
        stranger.client.close()

    run(body)


def test_who_asked_and_said_hello_is_told_once():
    async def body(core, _server, peer, _clock):
        peer.send("/oneshot/hello", "h", peer.client.port)
        await peer.receive()
        peer.send("/oneshot/generate", "a", "kick")
        assert (await peer.receive())[0] == "/oneshot/accepted"
        core.emit(Done(job=JobId("job-0"), count=1, milliseconds=1))
        assert (await peer.receive())[0] == "/oneshot/done"
        assert await peer.silent()

    run(body)


def test_a_lease_ends_unless_a_request_renews_it():
    async def body(core, server, peer, clock):
        peer.send("/oneshot/hello", "h", peer.client.port)
        await peer.receive()
        clock.now = 50.0
        peer.send("/oneshot/ping", "p")
        await peer.receive()
        clock.now = 100.0
        core.submit(core_request())
        assert (await peer.receive())[0] == "/oneshot/accepted"
        clock.now = 200.0
        core.submit(core_request())
        assert await peer.silent()

    run(body)


def core_request():
    from oneshot_server.domain.requests import GenerateRequest

    return GenerateRequest(prompt="kick")


def test_a_request_that_is_sent_again_is_answered_again_and_not_done_again():
    async def body(core, _server, peer, clock):
        peer.send("/oneshot/generate", "a", "kick")
        assert await peer.receive() == ("/oneshot/accepted", "a", "job-0")
        core.emit(SamplePublished(job=JobId("job-0"), index=0, path="/k.wav", seed=9, seconds=0.5))
        core.emit(Done(job=JobId("job-0"), count=1, milliseconds=700))
        await peer.receive()
        await peer.receive()
        peer.send("/oneshot/generate", "a", "kick")
        kinds = [(await peer.receive())[0] for _ in range(3)]
        assert kinds == ["/oneshot/accepted", "/oneshot/sample", "/oneshot/done"]
        assert len(core.submitted) == 1
        clock.now = 61.0
        peer.send("/oneshot/generate", "a", "kick")
        assert await peer.receive() == ("/oneshot/accepted", "a", "job-1")

    run(body)


def test_who_goes_on_asking_is_answered_however_long_a_job_takes():
    async def body(core, _server, peer, clock):
        for minute in range(3):
            clock.now = 59.0 * minute
            peer.send("/oneshot/generate", "a", "kick")
            assert await peer.receive() == ("/oneshot/accepted", "a", "job-0")
        assert len(core.submitted) == 1

    run(body)


def test_what_became_of_a_job_is_told_to_anybody_who_asks():
    async def body(core, server, peer, _clock):
        peer.send("/oneshot/generate", "a", "kick")
        await peer.receive()
        core.emit(SamplePublished(job=JobId("job-0"), index=0, path="/k.wav", seed=9, seconds=0.5))
        other = Peer(server.port)
        other.send("/oneshot/job", "j", "job-0")
        assert await other.receive() == ("/oneshot/accepted", "j", "job-0")
        assert await other.receive() == ("/oneshot/sample", "job-0", 0, "/k.wav", 9, 0.5)
        core.emit(Done(job=JobId("job-0"), count=1, milliseconds=1))
        assert await other.receive() == ("/oneshot/done", "job-0", 1, 1)
        other.send("/oneshot/job", "k", "job-1")
        assert (await other.receive())[:3] == ("/oneshot/error", "k", "not_found")
        other.client.close()

    run(body)


def test_a_client_that_moves_to_another_reply_port_leaves_the_old_one():
    async def body(core, server, peer, _clock):
        old, new = Peer(server.port), Peer(server.port)
        for device in (old, new):
            peer.send("/oneshot/hello", "h", device.client.port)
            assert (await device.receive())[0] == "/oneshot/welcome"
        core.submit(core_request())
        assert (await new.receive())[0] == "/oneshot/accepted"
        assert await old.silent()
        old.client.close()
        new.client.close()

    run(body)


def test_a_reply_port_that_another_client_named_too_is_told_on():
    async def body(core, server, peer, _clock):
        shared, other, own = Peer(server.port), Peer(server.port), Peer(server.port)
        for client, device in ((other, shared), (peer, shared), (peer, own)):
            client.send("/oneshot/hello", "h", device.client.port)
            assert (await device.receive())[0] == "/oneshot/welcome"
        core.submit(core_request())
        assert (await shared.receive())[0] == (await own.receive())[0] == "/oneshot/accepted"
        for device in (shared, other, own):
            device.client.close()

    run(body)


def test_requests_without_an_id_are_each_done():
    async def body(core, _server, peer, _clock):
        for _ in range(3):
            peer.send("/oneshot/generate", "", "kick")
            await peer.receive()
        assert len(core.submitted) == 3

    run(body)


def test_a_refused_request_may_be_sent_again_under_its_id():
    async def body(core, _server, peer, _clock):
        core.full = True
        peer.send("/oneshot/generate", "a", "kick")
        assert (await peer.receive())[:3] == ("/oneshot/error", "a", "busy")
        core.full = False
        peer.send("/oneshot/generate", "a", "kick")
        assert await peer.receive() == ("/oneshot/accepted", "a", "job-0")

    run(body)


def test_anybody_may_cancel_and_hears_of_it():
    async def body(_core, server, peer, _clock):
        peer.send("/oneshot/generate", "a", "kick")
        await peer.receive()
        other = Peer(server.port)
        other.send("/oneshot/cancel", "c", "job-0")
        assert await other.receive() == ("/oneshot/cancelled", "job-0")
        assert await peer.receive() == ("/oneshot/cancelled", "job-0")
        other.send("/oneshot/cancel", "d", "job-7")
        assert (await other.receive())[:3] == ("/oneshot/error", "d", "not_found")
        other.client.close()

    run(body)


@pytest.mark.parametrize(
    ("datagram", "about", "code"),
    [
        (message("/oneshot/nothing", "a"), "a", "unknown_address"),
        (message("/oneshot/*", "a"), "a", "unknown_address"),
        (message("/oneshot/model", "a", "none"), "a", "not_found"),
        (message("/oneshot/generate", "a"), "a", "bad_arguments"),
        (message("/oneshot/generate", "a", ""), "a", "bad_arguments"),
        (message("/oneshot/generate", "a", "x" * 7000), "a", "bad_arguments"),
        (message("/oneshot/generate", "a", "kick", "guidance", float("nan")), "a", "bad_arguments"),
        (message("/oneshot/generate", "a", "kick", "lora", "x:99"), "a", "bad_arguments"),
        (b"\xff\xfe\xfd", "", "bad_arguments"),
        (b"/oneshot/ping\0\0\0,s\0\0\xff\xff\0\0", "", "bad_arguments"),
        (b"x" * 60_000, "", "bad_arguments"),
    ],
)
def test_a_bad_request_is_one_clear_error_and_no_job(datagram, about, code):
    async def body(core, _server, peer, _clock):
        peer.client.send_datagram(datagram)
        address, told, said, text = await peer.receive()
        assert (address, told, said) == ("/oneshot/error", about, code)
        assert text
        assert await peer.silent()
        assert core.submitted == []

    run(body)


def test_a_bundle_from_the_future_is_done_now():
    async def body(_core, _server, peer, _clock):
        ping = message("/oneshot/ping", "b")
        peer.client.send_datagram(bundle(ping, bundle(ping), timetag=b"\xff" * 8))
        assert await peer.receive() == await peer.receive() == ("/oneshot/pong", "b", "ready", 0)

    run(body)


def test_an_error_in_the_server_itself_is_answered_too():
    async def body(core, _server, peer, _clock):
        core.status = lambda: 1 / 0
        peer.send("/oneshot/ping", "a")
        assert (await peer.receive())[:3] == ("/oneshot/error", "a", "engine_failed")

    run(body)


def test_a_taken_port_is_refused_with_its_number_and_key():
    async def body(core, server, _peer, _clock):
        with pytest.raises(AlreadyRunningError, match=rf"{server.port}.*osc\.port"):
            await start_osc_server(core, FakeMidi(), "127.0.0.1", server.port, version="1")

    run(body)


def test_mutated_packets_never_stop_the_server():
    async def body(_core, server, peer, _clock):
        for packet in mutated_packets(3000, seed=2):
            server.datagram_received(packet, ("127.0.0.1", peer.client.port))
        fresh = Peer(server.port)
        fresh.send("/oneshot/ping", "alive")
        assert await fresh.receive() == ("/oneshot/pong", "alive", "ready", 0)
        fresh.client.close()

    run(body)


def test_sounds_are_made_of_sounds_once_for_each_id():
    async def body(core, _server, peer, _clock):
        for address, arguments in (
            ("/oneshot/vary", ("/s/kick.wav", 0.5)),
            ("/oneshot/morph", ("/s/kick.wav", "/s/snare.wav", 0.5)),
            ("/oneshot/inpaint", ("/s/kick.wav", "attack")),
        ):
            job = f"job-{len(core.submitted)}"
            for _ in range(2):  # the second is the same datagram again
                peer.send(address, "a", *arguments)
                assert await peer.receive() == ("/oneshot/accepted", "a", job)
        assert [len(request.parent_files) for request in core.submitted] == [1, 2, 1]

    run(body)
