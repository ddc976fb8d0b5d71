import asyncio
import re
from pathlib import Path

import pytest

from oneshot_server.transports import web
from tests.unit.transports.web.peer import run

PAGE = Path(web.__file__).parent / "page"
TOKEN = "a-token-of-some-length"


def test_the_page_is_sent_with_headers_that_let_nothing_else_in(tmp_path):
    async def body(web):
        page = await web.ask("GET", "/")
        assert page.status == 200
        assert b"<title>oneshot</title>" in page.content
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert page.headers["x-content-type-options"] == "nosniff"
        assert page.headers["cache-control"] == "no-cache"
        modules = {path.name for path in PAGE.glob("*.js")}
        assert set(re.findall(r'(?:href|src)="/(\w+\.js)"', page.content.decode())) == modules
        script = await web.ask("GET", "/app.js")
        assert "javascript" in script.headers["content-type"]

    run(tmp_path, body)


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example", ""]
)
def test_a_host_that_is_not_this_machine_is_refused(tmp_path, host):
    async def body(web):
        named = host.format(port=web.server.port)
        for path in ("/", "/api/status", "/api/events"):
            assert (await web.ask("GET", path, Host=named)).status == 421
        answer = await web.ask("POST", "/api/generate", {"prompt": "kick"}, Host=named)
        assert answer.status == 421
        assert answer.json["code"] == "forbidden"
        assert web.core.submitted == []

    run(tmp_path, body)


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "http://127.0.0.1:1",
        "http://127.0.0.1.evil.example",
        "http://[",
    ],
)
def test_a_page_elsewhere_triggers_nothing(tmp_path, origin):
    async def body(web):
        answer = await web.ask("POST", "/api/generate", {"prompt": "kick"}, Origin=origin)
        assert answer.status == 403
        assert "access-control-allow-origin" not in answer.headers
        sent = await web.ask("PUT", "/api/dropped/k.wav", b"RIFF", Origin=origin)
        assert sent.status == 403
        assert web.core.submitted == []
        assert list((web.home / "samples").iterdir()) == []

    run(tmp_path, body)


def test_a_form_or_an_image_of_a_page_elsewhere_gets_nothing(tmp_path):
    async def body(web):
        for site in ("cross-site", "same-site"):
            answer = await web.ask(
                "GET", "/api/status", Sec_Fetch_Site=site, Sec_Fetch_Mode="no-cors"
            )
            assert answer.status == 403
        form = await web.ask(
            "POST",
            "/api/generate",
            b'{"prompt": "kick"}',
            Content_Type="text/plain",
        )
        assert form.status == 400
        link = await web.ask("GET", "/", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate")
        assert link.status == 200
        assert web.core.submitted == []

    run(tmp_path, body)


def test_the_page_itself_and_programs_of_this_machine_are_let_through(tmp_path):
    async def body(web):
        own = await web.ask(
            "POST",
            "/api/generate",
            {"prompt": "kick"},
            Origin=web.origin,
            Sec_Fetch_Site="same-origin",
        )
        assert own.status == 202
        assert (await web.ask("GET", "/api/status", Host="localhost:8000")).status == 200
        assert (await web.ask("GET", "/api/status")).json["state"] == "ready"

    run(tmp_path, body)


def test_without_the_token_nothing_is_answered(tmp_path):
    async def body(web):
        for path in ("/", "/app.js", "/api/status", "/api/openapi.json", "/?token=wrong"):
            assert (await web.ask("GET", path)).status == 401
        wrong = await web.ask("GET", "/api/status", Authorization="Bearer a-token-of-some-lengtH")
        assert wrong.status == 401
        assert (await web.ask("POST", "/api/generate", {"prompt": "kick"})).status == 401
        assert web.core.submitted == []

    run(tmp_path, body, token=TOKEN)


def test_the_address_with_the_token_opens_the_page_and_keeps_it_open(tmp_path):
    async def body(web):
        assert web.server.address == f"{web.origin}/?token={TOKEN}"
        first = await web.ask("GET", f"/?token={TOKEN}")
        assert (first.status, first.headers["location"]) == (303, "/")
        cookie = first.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        page = await web.ask("GET", "/", Cookie=cookie.partition(";")[0])
        assert page.status == 200
        again = await web.ask("GET", f"/?token={TOKEN}", Cookie=cookie.partition(";")[0])
        assert (again.status, again.headers["location"]) == (303, "/")
        bearer = await web.ask("GET", "/api/status", Authorization=f"Bearer {TOKEN}")
        assert bearer.status == 200

    run(tmp_path, body, token=TOKEN)


def test_in_a_network_a_numeric_host_is_taken_and_a_strange_name_is_not(tmp_path):
    async def body(web):
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        numeric = await web.ask("GET", "/api/status", Host="192.168.1.5:9331", **bearer)
        assert numeric.status == 200
        name = await web.ask("GET", "/api/status", Host="rebound.example", **bearer)
        assert name.status == 421

    run(tmp_path, body, token=TOKEN, host="0.0.0.0")


def test_a_numeric_host_is_refused_where_only_this_machine_is_let_in(tmp_path):
    async def body(web):
        assert (await web.ask("GET", "/api/status", Host="192.168.1.5:9331")).status == 421

    run(tmp_path, body)


def test_stopping_ends_the_streams_of_open_pages(tmp_path):
    async def body(web):
        reader, writer = await asyncio.open_connection("127.0.0.1", web.server.port)
        writer.write(b"GET /api/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert b"200 OK" in await reader.readline()
        await web.server.stop()
        await asyncio.wait_for(reader.read(), 10)  # to its end
        writer.close()

    run(tmp_path, body)
