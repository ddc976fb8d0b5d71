"""A draft that its better render takes the place of: under the same name, with all its marks."""

from io import BytesIO
from pathlib import Path

from oneshot_server.errors import NotFoundError
from oneshot_server.library.audio_hash import hash_audio
from oneshot_server.library.rewriting import rewrite_file
from oneshot_server.library.wav_metadata import mark_wav, read_mark


def replace_draft(path: Path, wav: bytes, *, draft: str) -> None:
    """Put a render in the place of its draft; stars and tags that this got meanwhile stay.

    A draft that somebody has moved, deleted or edited is not there any more, and nothing is put in
    its place.

    Args:
        path: of the draft.
        wav: the better file.
        draft: SHA-256 of the draft's audio (``hash_audio``), hexadecimal.

    Raises:
        NotFoundError: the draft is not there any more.
        DiskFullError: no space left.
        ForbiddenError: the file cannot be written.
    """
    better = hash_audio(BytesIO(wav))

    def change(old: bytes) -> bytes:
        # The better audio is there if the daemon was killed before it could note it.
        if hash_audio(BytesIO(old)) not in {draft, better}:
            raise NotFoundError(f"{path} was changed since it was published")
        return mark_wav(wav, read_mark(BytesIO(old)))

    rewrite_file(path, change, path.parent, keep_time=False)
