"""Pads and kits by OSC."""

from oneshot_server.domain.events import Done, JobId, SamplePublished
from oneshot_server.domain.pads import PAD_KEYS, Pad
from tests.unit.transports.osc.test_server import run


def test_a_hit_is_followed_to_its_end_by_who_played_it():
    async def body(core, _server, peer, _clock):
        core.pads[3] = Pad(prompt="kick")
        peer.send("/oneshot/pad/trigger", "a", 3, 0.5)
        assert await peer.receive() == ("/oneshot/accepted", "a", "hit-0")
        core.emit(SamplePublished(job=JobId("hit-0"), index=0, path="/k.wav", seed=9, seconds=0.5))
        core.emit(Done(job=JobId("hit-0"), count=1, milliseconds=2))
        assert await peer.receive() == ("/oneshot/sample", "hit-0", 0, "/k.wav", 9, 0.5, 0)
        assert await peer.receive() == ("/oneshot/done", "hit-0", 1, 2)
        assert core.hits == [(3, 0.5)]

    run(body)


def test_a_hit_that_is_sent_again_plays_no_second_sound():
    async def body(core, _server, peer, _clock):
        core.pads[3] = Pad(prompt="kick")
        for _ in range(2):
            peer.send("/oneshot/pad/trigger", "a", 3, 1)
            assert await peer.receive() == ("/oneshot/accepted", "a", "hit-0")
        assert core.hits == [(3, 1.0)]

    run(body)


def test_a_hit_of_an_empty_pad_is_refused():
    async def body(_core, _server, peer, _clock):
        peer.send("/oneshot/pad/trigger", "a", 3, 0.5)
        assert (await peer.receive())[:3] == ("/oneshot/error", "a", "not_found")

    run(body)


def test_keys_of_a_pad_are_set_and_read():
    async def body(core, _server, peer, _clock):
        peer.send("/oneshot/pad/set", "a", 7, "prompt", "dark kick", "tune", -3)
        assert await peer.receive() == ("/oneshot/ok", "a")
        assert core.pads[7] == Pad(prompt="dark kick", tune=-3.0)
        peer.send("/oneshot/pad/get", "b", 7)
        read = {}
        while (answer := await peer.receive())[0] == "/oneshot/pad":
            assert answer[1:3] == ("b", 7)
            read[answer[3]] = answer[4]
        assert answer == ("/oneshot/ok", "b")
        assert list(read) == [key.name for key in PAD_KEYS]
        assert (read["prompt"], read["tune"], read["choke"]) == ("dark kick", -3.0, 0)

    run(body)


def test_a_wrong_key_or_value_of_a_pad_changes_nothing():
    async def body(core, _server, peer, _clock):
        for arguments in (
            (7, "colour", "red"),
            (7, "prompt", "kick", "tune", 99.0),
            (64, "tune", 1.0),
            (7,),
        ):
            peer.send("/oneshot/pad/set", "a", *arguments)
            assert (await peer.receive())[:3] == ("/oneshot/error", "a", "bad_arguments")
        assert core.pads == [Pad()] * 64

    run(body)


def test_kits_are_loaded_saved_renamed_and_listed():
    async def body(core, _server, peer, _clock):
        for address, *arguments in (
            ("/oneshot/kit/load", "house"),
            ("/oneshot/kit/load", "trap", "bank", 2),
            ("/oneshot/kit/save", "mine"),
            ("/oneshot/kit/rename", "mine", "ours"),
        ):
            peer.send(address, "a", *arguments)
            assert await peer.receive() == ("/oneshot/ok", "a")
        assert core.asked == [
            ("load_kit", "house", None),
            ("load_kit", "trap", 2),
            ("save_kit", "mine"),
            ("rename_kit", "mine", "ours"),
        ]
        peer.send("/oneshot/kit/list", "b")
        assert await peer.receive() == ("/oneshot/item", "b", "kits", "kits one", "1")
        assert await peer.receive() == ("/oneshot/item", "b", "kits", "kits two", "2")
        assert await peer.receive() == ("/oneshot/ok", "b", 2)
        peer.send("/oneshot/kit/load", "c", "none")
        assert (await peer.receive())[:3] == ("/oneshot/error", "c", "not_found")

    run(body)


def test_a_request_may_begin_from_a_pad_and_say_only_what_differs():
    async def body(core, _server, peer, _clock):
        core.pads[2] = Pad(prompt="kick", tune=-5.0, guidance=3.0, seed_policy="fixed", seed=8)
        peer.send("/oneshot/generate", "a", "snare", "pad", 2, "guidance", 2.0, "count", 3)
        await peer.receive()
        (request,) = core.submitted
        assert (request.prompt, request.tune, request.guidance) == ("snare", -5.0, 2.0)
        assert (request.seed, request.count) == (8, 3)

    run(body)


def test_quality_is_the_pads_unless_the_request_says_it():
    async def body(core, _server, peer, _clock):
        core.pads[2] = Pad(prompt="kick", quality="best")
        peer.send("/oneshot/generate", "a", "snare", "pad", 2)
        peer.send("/oneshot/generate", "b", "snare", "pad", 2, "quality", "draft-then-best")
        peer.send("/oneshot/generate", "c", "snare")
        for _ in range(3):
            await peer.receive()
        qualities = [request.quality for request in core.submitted]
        assert qualities == ["best", "draft-then-best", "quick"]
        peer.send("/oneshot/generate", "d", "snare", "quality", "good")
        *_, text = await peer.receive()
        assert text == "quality = 'good', expected quick, best or draft-then-best"

    run(body)
