import pytest

from oneshot_server.domain.kinds import CLASS_PHRASES
from oneshot_server.library import gaps
from oneshot_server.library.gaps import count_regions, emptiest
from tests.unit.library.sounds import follow, foreign, library


@pytest.fixture
def counted(tmp_path, monkeypatch):
    usual = ((0.1, 0.3), (100, 1000))
    monkeypatch.setattr(gaps, "typical", lambda: {"kick": usual, "snare": usual})
    (tmp_path / "samples").mkdir()
    for name, hertz, seconds in (
        ("kick a", 50, 0.05),
        ("kick b", 50, 0.05),
        ("kick c", 500, 0.2),
        ("snare", 5000, 0.5),
        ("nobody knows", 50, 0.05),
    ):
        wav = foreign(hertz + ord(name[-1]) % 3, seconds=seconds)
        (tmp_path / "samples" / f"{name}.wav").write_bytes(wav)
    with library(tmp_path) as opened:
        follow(opened)
        return count_regions(opened, gaps.typical())


def test_sounds_are_counted_by_kind_length_and_brightness(counted):
    counts = {region.prompt: region.sounds for region in counted}
    assert len(counts) == 18
    assert counts.pop("short dark kick") == 2
    assert counts.pop("kick") == 1
    assert counts.pop("long bright snare") == 1
    assert set(counts.values()) == {0}


def test_the_emptiest_come_first_and_of_all_kinds(counted):
    first = emptiest(counted, 4)
    assert [region.sounds for region in first] == [0] * 4
    assert [region.kind for region in first].count("kick") == 2
    assert emptiest(counted, 18)[-1].prompt == "short dark kick"
    assert emptiest(counted, 0) == []


def test_what_is_usual_for_a_kind_is_in_order_and_reachable():
    assert {"kick", "snare", "closed_hat"} <= gaps.typical().keys() <= CLASS_PHRASES.keys()
    for seconds, hertz in gaps.typical().values():
        assert 0 < seconds[0] < seconds[1] < 1.49
        assert 0 < hertz[0] < hertz[1]
