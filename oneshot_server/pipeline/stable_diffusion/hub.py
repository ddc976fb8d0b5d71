"""A model of the hub: downloaded once into the cache that other programs use too."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from oneshot_server.errors import EngineFailedError, ModelError, NotFoundError
from oneshot_server.pipeline.stable_diffusion.recognise import (
    DISTILLED,
    EXPECTED,
    PARTS,
    PIPELINES,
    explain_pickle,
)

WANTED: Final = ("model_index.json", "oneshot.json", "words.json")
ALLOWED: Final = (".json", ".txt", ".safetensors")
_NAME: Final = re.compile(
    r"(?P<repo>[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95})(?:@(?P<revision>[\w./-]{1,100}))?",
    re.ASCII,
)


@dataclass(frozen=True, kw_only=True)
class HubModel:
    """What was downloaded.

    Attributes:
        folder: in the cache.
        revision: the commit, hexadecimal.
    """

    folder: Path
    revision: str


def is_hub_name(text: str) -> bool:
    """Whether it is written as a hub's model is: ``owner/model``, ``owner/model@revision``."""
    return _NAME.fullmatch(text) is not None


def fetch_model(name: str) -> HubModel:
    """Download a model, as far as it is not in the cache; progress is shown on stderr.

    The revision is looked up once and pinned: what the name means tomorrow changes nothing here.
    Without a network, what the cache holds is taken.

    Raises:
        NotFoundError: the hub has no such model, or none that may be had.
        ModelError: it is no Stable Diffusion 1.x or 2.x.
        EngineFailedError: the hub cannot be reached; the text says what to do.
    """
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    match = _NAME.fullmatch(name)
    assert match is not None
    repo, revision = match["repo"], match["revision"]
    try:
        found: Any = HfApi().model_info(repo, revision=revision, timeout=20)
    except GatedRepoError:
        raise NotFoundError(
            f"{repo} asks for an account: agree to its terms on its page, then log in with: "
            "hf auth login"
        ) from None
    except RevisionNotFoundError:
        raise NotFoundError(f"{repo} has no revision {revision}") from None
    except RepositoryNotFoundError:
        raise NotFoundError(f"the hub has no model {repo}: is it written right?") from None
    except Exception as error:  # noqa: BLE001 - its HTTP library's own, which has changed before
        return _from_cache(repo, revision, error)
    files = [str(file.rfilename) for file in found.siblings or ()]
    _check_files(repo, files)
    try:
        index = snapshot_download(repo, revision=found.sha, allow_patterns=["model_index.json"])
        _check_pipeline(repo, Path(index) / "model_index.json")
        folder = snapshot_download(repo, revision=found.sha, allow_patterns=_choose(files))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise EngineFailedError(
            f"the download of {repo} broke off: {_line(error)}. Do it again: it goes on from there"
        ) from None
    return HubModel(folder=Path(folder), revision=found.sha)


def _from_cache(repo: str, revision: str | None, why: Exception) -> HubModel:
    from huggingface_hub import snapshot_download

    try:
        folder = Path(snapshot_download(repo, revision=revision, local_files_only=True))
    except (OSError, ValueError):
        raise EngineFailedError(
            f"{repo} is not on this machine, and the hub cannot be reached: {_line(why)}. "
            "Connect to the network and do it again; or bring the model here as a folder in "
            "diffusers' layout or a .safetensors file, and add that: oneshot model add PATH"
        ) from None
    return HubModel(folder=folder, revision=folder.name)


def _check_files(repo: str, files: list[str]) -> None:
    unet = [file for file in files if file.startswith("unet/")]
    if not unet:
        single = [file for file in files if "/" not in file and file.endswith(".safetensors")]
        advice = f": download {single[0]} and add the file" if single else ""
        raise ModelError(f"{repo} is no model in diffusers' layout, {EXPECTED}{advice}")
    if not any(file.endswith(".safetensors") for file in unet):
        raise ModelError(explain_pickle(Path(repo) / unet[-1]))


def _check_pipeline(repo: str, index: Path) -> None:
    try:
        pipeline = msgspec.json.decode(index.read_bytes(), type=dict[str, Any]).get("_class_name")
    except (OSError, msgspec.MsgspecError):
        return  # the folder is looked at when it is there
    for begin, name in PIPELINES:
        if str(pipeline).startswith(begin):
            raise ModelError(f"{repo} is {name} ({pipeline}), {EXPECTED}")


def _choose(files: list[str]) -> list[str]:
    """What is loaded: no pickles, no second precision, no safety checker."""
    chosen = [file for file in files if file in WANTED]
    for part in (*PARTS, DISTILLED):
        own = [f for f in files if f.startswith(f"{part}/") and f.endswith(ALLOWED)]
        weights = [f for f in own if f.endswith(".safetensors")]
        full = [f for f in weights if ".fp16." not in f and "non_ema" not in f]
        chosen += [f for f in own if f not in weights] + (full or weights)
    return chosen


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
