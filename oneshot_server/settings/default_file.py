"""``config/default.toml``, written from the structs so that it cannot lie."""

from typing import Final

from oneshot_server.settings.keys import as_toml, keys_of, sections_of
from oneshot_server.settings.values import Settings

HEAD: Final = """\
# oneshot-server settings. Every key is shown with its default; take away the # before a key to
# change it, then start the daemon again.
"""


def default_toml() -> str:
    """The file that a new home gets: every key with help, range and default, commented out."""
    lines = [HEAD]
    for name, section in sections_of(Settings).items():
        lines.append(f"[{name}]  # {(section.__doc__ or '').strip()}\n")
        lines.extend(
            f"# {key.help}; {key.expected}\n#{key.name} = {as_toml(key.default)}\n"
            for key in keys_of(section).values()
        )
    return "\n".join(lines)
