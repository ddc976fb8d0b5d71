import tomllib
from pathlib import Path

import pytest

from oneshot_server.errors import SettingsError
from oneshot_server.settings import default_toml
from oneshot_server.settings.edit import with_value

CONFIG = Path("config.toml")


def edited(text: str, value: str = "mine") -> str:
    return with_value(text, "engine", "model", value, path=CONFIG)


def test_the_shipped_file_changes_in_one_line():
    before, after = default_toml().splitlines(), edited(default_toml()).splitlines()
    assert [(a, b) for a, b in zip(before, after, strict=True) if a != b] == [
        ('#model = "starter"', 'model = "mine"')
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", '\n[engine]\n\nmodel = "mine"\n'),
        ("[osc]\nport = 1\n", '[osc]\nport = 1\n\n[engine]\n\nmodel = "mine"\n'),
        ('[engine]\nmodel = "a"  # my best\n', '[engine]\nmodel = "mine"  # my best\n'),
        ("[engine] # x\r\n  model='a'\r\n", '[engine] # x\r\n  model = "mine"\r\n'),
        ('[engine]\nthreads = 2\n[log]\n#model = "a"\n', None),
        ('[engine]\n# model = "a" is what I had\nmodel = "b"\n', None),
        ('[engine]\nmodel = "a"\n#model = "b"\n', '[engine]\nmodel = "mine"\n#model = "b"\n'),
        ('\ufeff[engine]\nmodel = "a"\n', '\ufeff[engine]\nmodel = "mine"\n'),
    ],
)
def test_everything_else_stays_as_it_is(text, expected):
    after = edited(text)
    assert expected is None or after == expected
    assert tomllib.loads(after.lstrip("\ufeff").replace("\r\n", "\n"))["engine"]["model"] == "mine"
    kept = [line for line in text.splitlines() if "model" not in line or "#" in line]
    assert all(line.split("#")[-1].strip() in after for line in kept)


@pytest.mark.parametrize("value", ['a "b"', "a\\b", "C:\\models\\mine", "ü", "a'b\\c", "x" * 300])
def test_any_name_is_written_so_that_it_is_read_again(value):
    assert tomllib.loads(edited("[engine]\n", value))["engine"]["model"] == value


@pytest.mark.parametrize(
    "text",
    [
        'engine.model = "a"\n',
        'engine = { model = "a" }\n',
        '[engine]\nmodel = """\na"""\n',
        "[engine]\nmodel = 3\n",
        "[engine\n",
        'x = """\n[engine]\nmodel = "a"\n"""\n',
    ],
)
def test_what_cannot_be_changed_safely_is_left_and_told(text):
    with pytest.raises(SettingsError, match=r'\[engine\] write model = "mine"'):
        edited(text)
