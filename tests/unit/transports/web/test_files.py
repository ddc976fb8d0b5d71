import asyncio

import pytest

from oneshot_server.domain.library import LibraryChange
from oneshot_server.transports.fake_library import sound
from tests.unit.transports.web.peer import run, until, wav

OUTSIDE = (
    "../secret.wav",
    "..%2Fsecret.wav",
    "%2e%2e%2fsecret.wav",
    "..%5Csecret.wav",
    "%2Fetc%2Fpasswd.wav",
    "x%00.wav",
    ".hidden.wav",
    "..",
)


def everything(home):
    return {path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file()}


def test_a_dropped_sound_is_in_its_dataset_and_nothing_is_overwritten(tmp_path):
    async def body(web):
        first = await web.ask("PUT", "/api/datasets/my%20kicks/tight%201.wav", wav(hertz=100))
        assert (first.status, first.json) == (201, {"name": "tight 1.wav"})
        second = await web.ask("PUT", "/api/datasets/my%20kicks/tight%201.wav", wav(hertz=200))
        assert second.json == {"name": "tight 1-2.wav"}
        kept = web.home / "datasets" / "my kicks"
        assert (kept / "tight 1.wav").read_bytes() == wav(hertz=100)
        assert (kept / "tight 1-2.wav").read_bytes() == wav(hertz=200)
        told = (await web.ask("GET", "/api/datasets")).json
        assert told == [{"name": "my kicks", "sounds": 2}]
        into_library = await web.ask("PUT", "/api/dropped/found.wav", wav())
        assert into_library.status == 201
        assert (web.home / "samples" / "found.wav").read_bytes() == wav()

    run(tmp_path, body)


@pytest.mark.parametrize("name", OUTSIDE)
def test_no_upload_leaves_its_folder(tmp_path, name):
    async def body(web):
        before = everything(tmp_path)
        for path in (
            f"/api/dropped/{name}",
            f"/api/datasets/own/{name}",
            f"/api/datasets/{name}/kick.wav",
        ):
            answer = await web.ask("PUT", path, wav())
            assert answer.status in {400, 403, 404, 405}, (path, answer.status)
        assert everything(tmp_path) == before
        assert not (tmp_path.parent / "secret.wav").exists()

    run(tmp_path, body)


@pytest.mark.parametrize("name", OUTSIDE)
def test_no_path_reads_what_is_outside(tmp_path, name):
    (tmp_path / "secret.wav").write_bytes(b"secret")

    async def body(web):
        version = web.home / "loras" / "own" / "v1"
        version.mkdir(parents=True)
        (version / "adapter.safetensors").write_bytes(b"")
        (version / "audition_1_kick.wav").write_bytes(b"heard")
        heard = await web.ask("GET", "/api/loras/own/1/audition_1_kick.wav")
        assert heard.content == b"heard"
        for path in (
            f"/{name}",
            f"/api/sounds/{name}/file",
            f"/api/sounds/{name}/picture",
            f"/api/loras/own/1/{name}",
            f"/api/loras/{name}/1/audition_1_kick.wav",
            f"/api/loras/own/{name}/audition_1_kick.wav",
            f"/api/list/{name}",
            f"/api/published/{name}/0",
        ):
            answer = await web.ask("GET", path)
            assert answer.status in {400, 403, 404}, (path, answer.status)
            assert b"secret" not in answer.content.replace(b"secret.wav", b"")

    run(tmp_path, body)


def test_a_link_that_leads_outside_is_neither_read_nor_written(tmp_path):
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    outside.mkdir()
    (outside / "audition_1_x.wav").write_bytes(b"secret")

    async def body(web):
        (web.home / "datasets" / "linked").symlink_to(outside)
        answer = await web.ask("PUT", "/api/datasets/linked/kick.wav", wav())
        assert answer.status == 403
        assert [path.name for path in outside.iterdir()] == ["audition_1_x.wav"]
        version = web.home / "loras" / "own" / "v1"
        version.mkdir(parents=True)
        (version / "adapter.safetensors").write_bytes(b"")
        (version / "audition_1_x.wav").symlink_to(outside / "audition_1_x.wav")
        assert (await web.ask("GET", "/api/loras/own/1/audition_1_x.wav")).status == 404

    run(tmp_path, body)


def test_two_gigabytes_are_refused_before_they_are_sent(tmp_path):
    async def body(web):
        reader, writer = await asyncio.open_connection("127.0.0.1", web.server.port)
        writer.write(
            b"PUT /api/datasets/own/huge.wav HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            b"Content-Length: 2147483648\r\n\r\n" + b"RIFF" + bytes(1000)
        )
        status = await asyncio.wait_for(reader.readline(), 10)
        assert b"413" in status
        assert everything(tmp_path) == set()
        assert not (web.home / "datasets" / "own").exists()
        writer.close()

    run(tmp_path, body)


def test_a_file_that_does_not_say_how_large_it_is_is_cut_off_and_nothing_of_it_stays(tmp_path):
    async def body(web):
        reader, writer = await asyncio.open_connection("127.0.0.1", web.server.port)
        writer.write(
            b"PUT /api/dropped/huge.wav HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
        answered = asyncio.create_task(reader.readline())
        sent = 0
        try:
            while not answered.done() and sent < 40_000_000:
                writer.write(chunk)
                await writer.drain()
                sent += len(chunk)
                await asyncio.sleep(0)
        except ConnectionError:
            pass
        assert b"413" in await asyncio.wait_for(answered, 10)
        assert sent < 40_000_000
        assert everything(tmp_path) == set()
        writer.close()

    run(tmp_path, body, upload_megabytes=1)


def test_an_upload_that_breaks_off_leaves_nothing(tmp_path):
    async def body(web):
        _, writer = await asyncio.open_connection("127.0.0.1", web.server.port)
        writer.write(
            b"PUT /api/dropped/kick.wav HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            b"Content-Length: 100000\r\n\r\n" + wav()[:1000]
        )
        await writer.drain()
        await until(lambda: everything(tmp_path))
        writer.transport.abort()
        await until(lambda: not everything(tmp_path))

    run(tmp_path, body)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("notes.txt", b"words"),
        ("page.html", b"<script>alert(1)</script>"),
        ("broken.wav", b"RIFF....WAVE and then nothing"),
        ("empty.wav", b""),
        ("script.wav", b"#!/bin/sh\n"),
    ],
)
def test_what_is_no_sound_is_not_kept(tmp_path, name, content):
    async def body(web):
        answer = await web.ask("PUT", f"/api/dropped/{name}", content)
        assert (answer.status, answer.json["code"]) == (400, "bad_arguments")
        assert everything(tmp_path) == set()

    run(tmp_path, body)


def test_sounds_are_found_sent_drawn_starred_and_tagged(tmp_path):
    async def body(web):
        library = web.core.library
        (web.home / "samples" / "kick_1.wav").write_bytes(wav())
        library.change(LibraryChange(now=(sound(1), sound(2, "<script>alert(1)</script>.wav"))))
        found = (await web.ask("GET", "/api/sounds?text=kick&limit=5")).json
        assert (found["total"], found["sounds"][0]["path"]) == (1, "kick_1.wav")
        file = await web.ask("GET", "/api/sounds/1/file?v=1")
        assert (file.content, file.headers["content-type"]) == (wav(), "audio/x-wav")
        assert "immutable" in file.headers["cache-control"]
        heard = await web.ask("GET", "/api/sounds/1/audio")
        assert heard.content.startswith(b"RIFF")
        part = await web.ask("GET", "/api/sounds/1/file", Range="bytes=0-3")
        assert (part.status, part.content) == (206, b"RIFF")
        picture = await web.ask("GET", "/api/sounds/1/picture")
        assert picture.content.startswith(b"\x89PNG")
        assert (await web.ask("GET", "/api/sounds/2/picture")).status == 404
        starred = await web.ask("POST", "/api/sounds/1/stars", {"stars": 5})
        assert starred.json["stars"] == 5
        tagged = await web.ask("POST", "/api/sounds/1/tags", {"tags": "dusty; live set;;dusty"})
        assert tagged.json["tags"] == ["dusty", "live set"]
        assert (await web.ask("POST", "/api/sounds/1/played")).json["plays"] == 1
        assert (await web.ask("GET", "/api/sounds/1/recipe")).json == {"seed": 1}
        assert (await web.ask("GET", "/api/sounds/1/similar?count=1")).json[0]["sound"][
            "number"
        ] == 2
        assert (await web.ask("GET", "/api/facets")).json["sounds"] == 2
        assert len((await web.ask("GET", "/api/map")).json["places"]) == 2

    run(tmp_path, body)


def test_what_has_stars_becomes_a_dataset_and_is_trained_on(tmp_path):
    async def body(web):
        nothing = await web.ask("POST", "/api/train/starred", {"stars": 4})
        assert nothing.status == 404
        (web.home / "samples" / "kick_1.wav").write_bytes(wav())
        web.core.library.change(LibraryChange(now=(sound(1, stars=5), sound(2, stars=1))))
        answer = await web.ask("POST", "/api/train/starred", {"stars": 4})
        assert answer.status == 202
        assert web.core.asked == [("train", "taste")]
        (copy,) = (web.home / "datasets" / "taste").glob("*.wav")
        assert copy.read_bytes() == wav()

    run(tmp_path, body)


@pytest.mark.parametrize(
    "query",
    ["limit=501", "limit=x", "limit=5&limit=6", "what=1", "stars=6", "sort=up", "offset=-1"],
)
def test_a_search_that_is_not_understood_is_refused(tmp_path, query):
    async def body(web):
        answer = await web.ask("GET", f"/api/sounds?{query}")
        assert (answer.status, answer.json["code"]) == (400, "bad_arguments")

    run(tmp_path, body)


def test_stars_out_of_range_are_refused(tmp_path):
    async def body(web):
        web.core.library.change(LibraryChange(now=(sound(1),)))
        for stars in (6, -1, "5", True, None):
            answer = await web.ask("POST", "/api/sounds/1/stars", {"stars": stars})
            assert answer.status == 400
        assert (await web.ask("POST", "/api/sounds/9/stars", {"stars": 1})).status == 404

    run(tmp_path, body)


def test_a_token_is_made_up_once_where_the_network_is_let_in_and_only_its_owner_reads_it(tmp_path):
    from oneshot_server.errors import SettingsError
    from oneshot_server.settings import WebSettings
    from oneshot_server.transports.web.token import token_for

    file = tmp_path / "web-token"
    assert token_for(WebSettings(), file) == ""
    assert not file.exists()
    token = token_for(WebSettings(host="0.0.0.0"), file)
    assert len(token) > 20
    assert token_for(WebSettings(host="0.0.0.0"), file) == token
    assert file.stat().st_mode & 0o777 == 0o600
    own = WebSettings(host="0.0.0.0", token="one of my own, long")
    assert token_for(own, file) == "one of my own, long"
    with pytest.raises(SettingsError, match=r"web\.token has 5 characters"):
        token_for(WebSettings(token="short"), file)


def test_the_page_is_sent_with_its_types_and_only_if_it_is_another_one(tmp_path):
    async def body(web):
        page = await web.ask("GET", "/")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert b"<!doctype html>" in page.content
        assert (await web.ask("GET", "/index.html")).content == page.content
        for file, media in {
            "app.js": "text/javascript; charset=utf-8",
            "style.css": "text/css; charset=utf-8",
            "icon.svg": "image/svg+xml",
            "manifest.webmanifest": "application/manifest+json",
        }.items():
            sent = await web.ask("GET", f"/{file}")
            assert (sent.status, sent.headers["content-type"]) == (200, media)
            assert sent.headers["cache-control"] == "no-cache"
            again = await web.ask("GET", f"/{file}", If_None_Match=sent.headers["etag"])
            assert (again.status, again.content) == (304, b"")
            other = await web.ask("GET", f"/{file}", If_None_Match='"another"')
            assert other.content == sent.content
        assert (await web.ask("GET", "/nothing.js")).status == 404
        assert (await web.ask("GET", "/page/app.js")).status == 404

    run(tmp_path, body)
