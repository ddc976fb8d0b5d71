"""Checks of Python and of the packages that break in practice."""

import platform
import re
import sys
import warnings
from importlib import metadata
from typing import Final

from oneshot_server.cli.check import Check, failure, ok, warning

OLDEST_PYTHON: Final = (3, 11)
PRODUCT: Final = "oneshot-server"
REINSTALL: Final = "install oneshot-server again into a new virtual environment"
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def check_python() -> Check:
    """Version and word size."""
    text = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.version_info < OLDEST_PYTHON or sys.maxsize < 2**32:
        return failure("python", text, "install a 64-bit Python 3.11 or newer")
    return ok("python", text)


def check_packages() -> Check:
    """Whether all that the product requires is installed."""
    missing = [name for name in requirements() if version_of(name) is None]
    if missing:
        return failure("packages", f"missing: {', '.join(missing)}", REINSTALL)
    return ok("packages", f"{len(requirements())} required packages are installed")


def check_torch() -> Check:
    """Whether torch works, and what it can run on."""
    wanted = requirements().get("torch", "torch")
    try:
        import torch

        with warnings.catch_warnings():  # about drivers that are too old: no device, no harm
            warnings.simplefilter("ignore")
            devices = _devices()
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        return failure("torch", f"cannot be imported: {first_line(error)}", f"pip install {wanted}")
    text = f"{torch.__version__} on {', '.join(devices)}"
    if devices == ["cpu"]:
        return ok("torch", f"{text}; a CUDA or Apple GPU would be faster")
    return ok("torch", text)


def check_torchaudio() -> Check:
    """Whether torchaudio is built for the torch beside it; it is a reference and can be missed."""
    torch_version, version = version_of("torch"), version_of("torchaudio")
    both = " ".join(f"'{requirements().get(name, name)}'" for name in ("torch", "torchaudio"))
    try:
        import torchaudio  # noqa: F401 - whether it can be is the question
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        return warning(
            "torchaudio",
            f"{version or 'missing'} does not work with torch {torch_version}: "
            f"{first_line(error)}. Each torchaudio is built for one CUDA version, and torch "
            "must be built for the same one",
            f"pip install {both}",
        )
    return ok("torchaudio", f"{version} imports beside torch {torch_version}")


def requirements() -> dict[str, str]:
    """What the product requires, by package: ``torch<2.15,>=2.11``."""
    try:
        lines = metadata.requires(PRODUCT) or []
    except metadata.PackageNotFoundError:
        return {}
    found: dict[str, str] = {}
    for line in lines:
        requirement, _, marker = line.partition(";")
        name = _NAME.match(requirement)
        if name and "extra" not in marker:
            found[name[0]] = requirement.strip()
    return found


def version_of(package: str) -> str | None:
    """The installed version."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def first_line(error: BaseException) -> str:
    """What an error says, in a line."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _devices() -> list[str]:
    import torch

    cuda = [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())]
    mps = ["Apple GPU"] if torch.backends.mps.is_available() else []
    return [*cuda, *mps, "cpu"]
