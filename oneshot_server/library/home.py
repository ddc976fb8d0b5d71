"""The home: one folder with everything that a daemon owns."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from oneshot_server.errors import AlreadyRunningError, ForbiddenError
from oneshot_server.library.atomic_file import write_atomically
from oneshot_server.library.lock_file import LockedError, lock_file, read_holder
from oneshot_server.settings import default_toml, home_from_environment
from oneshot_server.settings.edit import with_value


@dataclass(frozen=True)
class Home:
    """Where a daemon keeps its things.

    Attributes:
        root: the folder; absolute.
    """

    root: Path

    @property
    def samples(self) -> Path:
        """Where the sounds appear, unless ``samples.folder`` says otherwise."""
        return self.root / "samples"

    @property
    def datasets(self) -> Path:
        """A folder of one's own sounds in here becomes a LoRA."""
        return self.root / "datasets"

    @property
    def models(self) -> Path:
        """Base models, a folder each."""
        return self.root / "models"

    @property
    def loras(self) -> Path:
        """LoRAs that were trained or put here."""
        return self.root / "loras"

    @property
    def midi(self) -> Path:
        """MIDI maps, one's own and what was learned."""
        return self.root / "midi"

    @property
    def kits(self) -> Path:
        """Kits, a TOML file each."""
        return self.root / "kits"

    @property
    def profiles(self) -> Path:
        """Mel profiles of the user's own, a TOML file each."""
        return self.root / "profiles"

    @property
    def config(self) -> Path:
        """The settings."""
        return self.root / "config.toml"

    @property
    def database(self) -> Path:
        """Jobs, pads, trainings and plays."""
        return self.root / "library.db"

    @property
    def sound_index(self) -> Path:
        """What is known of the sounds; it may be deleted and is made again from the folder."""
        return self.root / "sounds.db"

    @property
    def trash(self) -> Path:
        """Where ``oneshot library gc`` moves renders that nobody wants."""
        return self.root / "trash"

    @property
    def logs(self) -> Path:
        """The daemon's logs."""
        return self.root / "logs"

    @property
    def web_token(self) -> Path:
        """What a browser must show where the network is let in."""
        return self.root / "web-token"

    @property
    def lock_path(self) -> Path:
        """Held by the daemon that runs here."""
        return self.root / ".lock"

    def samples_folder(self, configured: str) -> Path:
        """What ``samples.folder`` means: empty is the home's own, relative begins here."""
        return self.root / Path(configured).expanduser() if configured else self.samples

    def sound_folders(self, configured: str) -> tuple[Path, ...]:
        """Where clients may name sounds: the samples, and all that is in the home."""
        return self.samples_folder(configured), self.root

    def create(self) -> None:
        """Make what is missing of the folders and ``config.toml``; never touch what is there.

        Raises:
            ForbiddenError: it cannot be made; the text names the folder and what to do.
        """
        try:
            for folder in (
                self.root,
                self.samples,
                self.datasets,
                self.models,
                self.loras,
                self.kits,
                self.midi,
            ):
                folder.mkdir(parents=True, exist_ok=True)
            self.logs.mkdir(exist_ok=True)
            if not self.config.exists():
                with self.config.open("x", encoding="utf-8") as file:
                    file.write(default_toml())
        except FileExistsError as error:
            if Path(error.filename) != self.config:  # else another start was a moment earlier
                raise ForbiddenError(
                    f"{error.filename} is a file, expected a folder: move it away, "
                    "or choose another home with --home"
                ) from None
        except OSError as error:
            raise ForbiddenError(
                f"the home {self.root} cannot be made: {error.strerror}. "
                "Give it the rights, or choose another with --home or ONESHOT_HOME"
            ) from None

    def write_setting(self, section: str, key: str, value: str) -> None:
        """Change one key of ``config.toml`` and nothing else in it.

        Raises:
            SettingsError: the file is written in a way that is not safe to change.
            ForbiddenError: it cannot be read.
        """
        try:
            text = self.config.read_bytes().decode("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ForbiddenError(f"{self.config} cannot be read: {error}") from None
        edited = with_value(text, section, key, value, path=self.config)
        if edited != text:
            write_atomically(self.config, edited.encode())

    @contextmanager
    def lock(self, address: tuple[str, int] | None = None) -> Iterator[None]:
        """Hold this home; the system lets go of it when the process ends, however it ends.

        Args:
            address: host and port that the daemon will listen on, for others to find it.

        Raises:
            AlreadyRunningError: another daemon has it.
            ForbiddenError: the lock file cannot be written.
        """
        note = f"{address[0]} {address[1]}" if address else ""
        try:
            with lock_file(self.lock_path, note):
                yield
        except LockedError as locked:
            raise AlreadyRunningError(
                f"a daemon is running already in {self.root} "
                f"(process {locked.holder.pid or 'unknown'}): "
                "stop it, or give this one a home of its own with --home"
            ) from None

    def running(self) -> "RunningDaemon | None":
        """The daemon that runs here, if one does."""
        holder = read_holder(self.lock_path)
        if holder is None:
            return None
        host, _, port = holder.note.partition(" ")
        known = host and port.isascii() and port.isdigit() and len(port) <= 5
        return RunningDaemon(pid=holder.pid, address=(host, int(port)) if known else None)


@dataclass(frozen=True, kw_only=True)
class RunningDaemon:
    """A daemon that holds a home.

    Attributes:
        pid: process number; 0 if unknown.
        address: host and port that it listens on, if it said so.
    """

    pid: int
    address: tuple[str, int] | None


def resolve_home(option: Path | None) -> Home:
    """The home by ``--home``, else by ``ONESHOT_HOME``, else ``Oneshot`` in the music folder."""
    named = option or home_from_environment()
    root = Path(named) if named else platformdirs.user_music_path() / "Oneshot"
    return Home(root.expanduser().absolute())
