"""Who may ask: the page itself, from this machine or with the token. Every other page is refused.

A page elsewhere can make a browser send requests here (CSRF), and a name of its own can come to
mean this machine's address (DNS rebinding). The browser tells of both: by ``Origin`` and
``Sec-Fetch-Site``, and by ``Host``.
"""

import hmac
import ipaddress
import socket
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from oneshot_server.errors import ForbiddenError
from oneshot_server.settings import LOOPBACK
from oneshot_server.transports.web.answers import problem_response

COOKIE: Final = "oneshot_token"
COOKIE_SECONDS: Final = 365 * 24 * 3600
OWN_SITE: Final = ("same-origin", "none")
HEADERS: Final = {
    # Nothing from elsewhere, nothing inline; text becomes markup nowhere (Trusted Types).
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'; require-trusted-types-for 'script'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Guard:
    """Lets a request through to the application, or answers it.

    Args:
        app: the application.
        host: that the server listens on.
        token: that a client must show; empty if none is asked for.
    """

    def __init__(self, app: ASGIApp, *, host: str, token: str) -> None:
        self._app = app
        self._token = token
        self._networked = host not in LOOPBACK
        name = socket.gethostname().lower()
        self._names = {*LOOPBACK, host.lower()}
        if self._networked:
            self._names |= {name, f"{name}.local"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI's."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                # What the page is made of is asked for again, and sent if it is another one.
                ours = scope["path"].startswith("/api/")
                headers.setdefault("Cache-Control", "no-store" if ours else "no-cache")
            await send(message)

        if scope["type"] != "http":
            return
        answer = self._refusal(HTTPConnection(scope))
        await (answer or self._app)(scope, receive, send_with_headers)

    def _refusal(self, request: HTTPConnection) -> Response | None:
        headers = request.headers
        host = headers.get("host", "")
        if not self._is_ours(host):
            return problem_response(
                ForbiddenError(f"Host {host[:80]!r} is none of this server's names"), 421
            )
        if not _is_own_page(headers, host, request):
            return problem_response(ForbiddenError("a page elsewhere may not ask this server"))
        # With a cookie, too: the token goes out of the address bar.
        told = request.scope["path"] == "/" and "token" in request.query_params
        if not self._token or (self._shows_token(request) and not told):
            return None
        return self._unknown(request)

    def _is_ours(self, host: str) -> bool:
        """Whether a Host header is a name that only this machine has; the port says nothing."""
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name in self._names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return self._networked  # a numeric address cannot be made to mean another

    def _shows_token(self, request: HTTPConnection) -> bool:
        scheme, _, shown = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._matches(shown.strip()):
            return True
        return self._matches(request.cookies.get(COOKIE, ""))

    def _matches(self, shown: str) -> bool:
        return hmac.compare_digest(shown.encode(), self._token.encode())

    def _unknown(self, request: HTTPConnection) -> Response:
        shown = request.query_params.get("token", "")
        if request.scope["path"] == "/" and self._matches(shown):
            response = RedirectResponse("/", 303)  # so that the token is in no address bar
            response.set_cookie(
                COOKIE,
                self._token,
                max_age=COOKIE_SECONDS,
                httponly=True,
                samesite="strict",
            )
            return response
        return PlainTextResponse(
            "Open the address with the token that oneshot serve has printed.\n",
            401,
            headers={"WWW-Authenticate": "Bearer"},
        )


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def _is_own_page(headers: Headers, host: str, request: HTTPConnection) -> bool:
    if "origin" in headers and _netloc(headers["origin"]) != host:
        return False
    if headers.get("sec-fetch-site", "none") in OWN_SITE:
        return True
    # A link from elsewhere to the page is no more than a link.
    return headers.get("sec-fetch-mode") == "navigate" and request.scope["path"] == "/"
