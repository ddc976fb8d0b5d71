"""A rename that never takes the place of a file, whoever puts one there at the same moment."""

import ctypes
import errno
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

_HERE: Final = -100  # AT_FDCWD: paths are taken as any call takes them
_NO_REPLACE: Final = 1  # RENAME_NOREPLACE
_EXCLUSIVE: Final = 4  # RENAME_EXCL
_UNSUPPORTED: Final = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP}


def rename_new(source: Path, target: Path) -> None:
    """Rename a file, or a folder, if nothing has the new name; on one file system.

    Where neither system nor file system can do both at once, a file that appears in the few
    microseconds between the look and the rename is lost.

    Raises:
        FileExistsError: something has the name.
        OSError: it cannot be renamed.
    """
    if sys.platform == "win32":
        source.rename(target)  # never replaces there
        return
    rename = _exclusive()
    if rename is not None:
        number = rename(os.fsencode(source), os.fsencode(target))
        if not number:
            return
        if number not in _UNSUPPORTED:
            raise OSError(number, os.strerror(number), str(source), None, str(target))
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    source.rename(target)


@cache
def _exclusive() -> Callable[[bytes, bytes], int] | None:
    """The system's own call, as a function that returns an error's number, 0 for none."""
    system = ctypes.CDLL(None, use_errno=True)
    if sys.platform == "darwin":
        name, arguments = "renamex_np", (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_uint)
    else:
        name = "renameat2"
        arguments = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
    call = getattr(system, name, None)
    if call is None:  # an older C library
        return None
    call.argtypes = arguments

    def rename(source: bytes, target: bytes) -> int:
        if sys.platform == "darwin":
            failed = call(source, target, _EXCLUSIVE)
        else:
            failed = call(_HERE, source, _HERE, target, _NO_REPLACE)
        return ctypes.get_errno() if failed else 0

    return rename
