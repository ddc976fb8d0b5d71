"""The page's own files, read once: a browser asks for all of them at every visit."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources.abc import Traversable
from pathlib import PurePath
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

START: Final = "index.html"
NOT_MODIFIED: Final = 304
NOT_FOUND: Final = 404
# Said here and not asked of the system, whose registry may call a script plain text.
MEDIA_TYPES: Final[Mapping[str, str]] = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}


@dataclass(frozen=True, kw_only=True)
class _File:
    content: bytes
    media_type: str
    tag: str


class PageFiles:
    """Answers with one of a folder's files.

    Args:
        folder: of files alone.
    """

    def __init__(self, folder: Traversable) -> None:
        self._files = {
            file.name: _read(file) for file in folder.iterdir() if _suffix(file) in MEDIA_TYPES
        }

    async def answer(self, request: Request) -> Response:
        """The file that the path names; nothing if the browser has it already."""
        file = self._files.get(request.path_params["file"] or START)
        if file is None:
            raise HTTPException(NOT_FOUND)
        headers = {"ETag": file.tag}
        if file.tag in request.headers.get("if-none-match", ""):
            return Response(status_code=NOT_MODIFIED, headers=headers)
        return Response(file.content, media_type=file.media_type, headers=headers)


def _read(file: Traversable) -> _File:
    content = file.read_bytes()
    return _File(
        content=content,
        media_type=MEDIA_TYPES[_suffix(file)],
        tag=f'"{sha256(content).hexdigest()[:16]}"',
    )


def _suffix(file: Traversable) -> str:
    return PurePath(file.name).suffix
