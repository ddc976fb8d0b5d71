import asyncio

import pytest

from oneshot_server.domain.events import Done, JobId, Progress, SamplePublished
from oneshot_server.domain.library import LibraryChange
from oneshot_server.domain.midi import Learned
from oneshot_server.domain.requests import LoraWeight
from oneshot_server.library.sound_picture import sound_picture
from oneshot_server.transports.fake_library import sound
from oneshot_server.transports.osc.parse import parse
from oneshot_server.transports.osc.specs import REQUESTS
from oneshot_server.transports.web.commands import body_to_message
from tests.unit.transports.web.peer import run, until, wav


def test_a_json_object_is_the_osc_message_that_says_the_same():
    message = body_to_message(REQUESTS["/oneshot/pad/set"], {"level": -6, "pad": 3, "name": "x"})
    assert message.arguments == ("", 3, "level", -6, "name", "x")
    assert parse(message).keys == {"level": -6.0, "name": "x"}


def test_generate_takes_the_keys_of_osc(tmp_path):
    async def body(web):
        answer = await web.ask(
            "POST", "/api/generate", {"prompt": "kick", "count": 2, "seed": 9, "lora": "own:0.5"}
        )
        assert (answer.status, answer.json) == (202, {"job": "job-0"})
        request = web.core.submitted[0]
        assert (request.prompt, request.count, request.seed) == ("kick", 2, 9)
        assert request.loras == (LoraWeight(name="own", weight=0.5),)

    run(tmp_path, body)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "prompt is missing"),
        ({"prompt": 7}, "prompt = 7, expected"),
        ({"prompt": "kick", "count": 65}, "count = 65, expected"),
        ({"prompt": "kick", "count": True}, "count = True, expected"),
        ({"prompt": "kick", "count": [1]}, "count = [1], expected"),
        ({"prompt": "kick", "steps": 2.5}, "steps = 2.5, expected"),
        ({"prompt": "kick", "what": 1}, "unknown key 'what'"),
        ({"prompt": "k\ud800"}, "no JSON object"),
        ([1], "no JSON object"),
    ],
)
def test_what_osc_refuses_is_refused_in_the_same_words(tmp_path, given, said):
    async def body(web):
        answer = await web.ask("POST", "/api/generate", given)
        assert answer.status == 400
        assert answer.json["code"] == "bad_arguments"
        assert said in answer.json["text"]
        assert web.core.submitted == []

    run(tmp_path, body)


def test_a_body_that_never_ends_is_cut_off(tmp_path):
    async def body(web):
        answer = await web.ask(
            "POST", "/api/generate", b"[" * 200_000, Content_Type="application/json"
        )
        assert answer.status == 400
        deep = await web.ask(
            "POST", "/api/generate", b"[" * 60_000, Content_Type="application/json"
        )
        assert deep.status == 400

    run(tmp_path, body)


def test_errors_have_the_code_of_osc_and_a_status_that_fits(tmp_path):
    async def body(web):
        assert (await web.ask("POST", "/api/pad/trigger", {"pad": 0, "velocity": 1})).status == 404
        web.core.full = True
        busy = await web.ask("POST", "/api/generate", {"prompt": "kick"})
        assert (busy.status, busy.json["code"]) == (503, "busy")
        assert (await web.ask("POST", "/api/cancel", {"job": "none"})).status == 404
        assert (await web.ask("GET", "/api/nothing")).json["code"] == "unknown_address"
        assert (await web.ask("GET", "/api/generate")).status in {404, 405}

    run(tmp_path, body)


def test_pads_kits_and_loras_are_changed(tmp_path):
    async def body(web):
        done = await web.ask("POST", "/api/pad/set", {"pad": 2, "prompt": "snare", "tune": 3})
        assert done.status == 204
        assert (web.core.pads[2].prompt, web.core.pads[2].tune) == ("snare", 3.0)
        shown = (await web.ask("GET", "/api/pads")).json["pads"][2]
        assert shown["pad"]["prompt"] == "snare"
        assert shown["level"] == {"have": 0, "wanted": 4, "trouble": ""}
        hit = await web.ask("POST", "/api/pad/trigger", {"pad": 2, "velocity": 0.5})
        assert hit.json == {"job": "hit-0"}
        await web.ask("POST", "/api/kit/load", {"name": "house", "bank": 1})
        await web.ask("POST", "/api/lora", {"name": "own", "weight": 0.5})
        assert web.core.asked == [("load_kit", "house", 1), ("set_lora", "own", 0.5)]

    run(tmp_path, body)


def test_a_sound_is_starred_by_the_request_that_osc_has(tmp_path):
    async def body(web):
        web.core.library.change(LibraryChange(now=(sound(1),)))
        assert (
            await web.ask("POST", "/api/star", {"path": "kick_1.wav", "stars": 4})
        ).status == 204
        assert web.core.library.sounds.sound(1).stars == 4

    run(tmp_path, body)


def test_midi_is_learned_when_a_message_has_come(tmp_path):
    async def body(web):
        asked = asyncio.create_task(web.ask("POST", "/api/midi/learn", {"target": "pad.3"}))
        await until(lambda: web.midi.learning)
        target, end = web.midi.learning[0]
        end(Learned(target=target, message="note 40"))
        assert (await asked).json == {"target": "pad.3", "message": "note 40"}

    run(tmp_path, body)


def test_events_of_jobs_and_of_the_library_are_streamed(tmp_path):
    async def body(web):
        reader, writer = await asyncio.open_connection("127.0.0.1", web.server.port)
        writer.write(b"GET /api/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        await reader.readuntil(b"event: pads")
        job = JobId("job-7")
        web.core.emit(Progress(job=job, fraction=0.25, stage="sampling"))
        path = str(tmp_path / "k.wav")
        published = SamplePublished(job=job, index=0, path=path, seed=9, seconds=0.5, draft=True)
        web.core.emit(published)
        web.core.emit(published.improved(0.75))
        web.core.library.change(LibraryChange(now=(sound(3, "<b>.wav"),), gone=(1,)))
        web.core.emit(Done(job=job, count=1, milliseconds=7))
        told = (await reader.readuntil(b'"milliseconds":7}\n\n')).decode()
        assert 'event: progress\ndata: {"job":"job-7","fraction":0.25,"stage":"sampling"}' in told
        assert f'event: sample\ndata: {{"job":"job-7","index":0,"path":"{path}"' in told
        assert '"seconds":0.5,"draft":true}\n\n' in told
        assert f'event: better\ndata: {{"job":"job-7","index":0,"path":"{path}"' in told
        assert 'event: library\ndata: {"now":[{"number":3,"path":"<b>.wav"' in told
        assert (
            told.index("event: progress") < told.index("event: sample") < told.index("event: done")
        )
        writer.close()

    run(tmp_path, body)


def test_a_sound_of_just_now_is_heard_and_seen_before_the_library_knows_it(
    tmp_path,
):
    async def body(web):
        path = tmp_path / "kick.wav"
        path.write_bytes(b"RIFF, or so")
        web.core.emit(SamplePublished(job=JobId("a"), index=0, path=str(path), seed=1, seconds=0.1))
        assert (await web.ask("GET", "/api/published/a/0")).content == b"RIFF, or so"
        assert (await web.ask("GET", "/api/published/a/0/picture")).status == 404
        path.write_bytes(wav())
        picture = await web.ask("GET", "/api/published/a/0/picture?better")
        assert picture.headers["content-type"] == "image/png"
        assert picture.content == sound_picture(path)
        for path in ("/api/published/a/1", "/api/published/b/0", "/api/published/..%2Fa/0"):
            assert (await web.ask("GET", path)).status == 404

    run(tmp_path, body)


def test_the_document_names_every_operation_with_its_types(tmp_path):
    async def body(web):
        document = (await web.ask("GET", "/api/openapi.json")).json
        assert document["openapi"].startswith("3.1")
        rows = {(o.method.lower(), o.path) for o in web.server.operations}
        assert rows == {(m, path) for path, told in document["paths"].items() for m in told}
        generate = document["paths"]["/api/generate"]["post"]
        schema = generate["requestBody"]["content"]["application/json"]["schema"]
        assert schema["required"] == ["prompt"]
        assert schema["properties"]["count"]["maximum"] == 64
        found = document["paths"]["/api/sounds"]["get"]["responses"]["200"]
        assert found["content"]["application/json"]["schema"] == {
            "$ref": "#/components/schemas/Found"
        }
        ids = [told["operationId"] for path in document["paths"].values() for told in path.values()]
        assert len(ids) == len(set(ids))
        assert _references(document) <= {
            f"#/components/schemas/{n}" for n in document["components"]["schemas"]
        }

    run(tmp_path, body)


def _references(value):
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*map(_references, value.values()))
    return set().union(*map(_references, value)) if isinstance(value, list) else set()
