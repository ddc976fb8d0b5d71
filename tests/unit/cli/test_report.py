"""Drafts on the command line: told at once, copied as what they come to be."""

import json
from pathlib import Path

import pytest

from oneshot_server.cli.report import Report
from oneshot_server.domain.events import Cancelled, Done, JobId, SamplePublished
from oneshot_server.errors import EngineFailedError

JOB = JobId("j")


def draft(index: int, path: Path) -> SamplePublished:
    return SamplePublished(job=JOB, index=index, path=str(path), seed=7, seconds=0.5, draft=True)


def done(count: int = 1) -> Done:
    return Done(job=JOB, count=count, milliseconds=9)


def test_a_path_is_printed_once_and_at_once(capsys, tmp_path):
    report = Report(json=False)
    first = draft(0, tmp_path / "k.wav")
    report(first)
    assert capsys.readouterr().out == f"{tmp_path / 'k.wav'}\n"
    report(first.improved(0.75))
    report(done())
    assert capsys.readouterr().out == ""
    assert report.paths == [tmp_path / "k.wav"]


def test_programs_are_told_of_both(capsys, tmp_path):
    report = Report(json=True)
    first = draft(0, tmp_path / "k.wav")
    for event in (first, first.improved(0.75), done()):
        report(event)
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["draft"], one["seconds"]) for one in told] == [(True, 0.5), (False, 0.75)]


def test_what_is_copied_elsewhere_is_the_better_one_and_a_draft_only_if_it_stays_one(tmp_path):
    copied: list[bytes] = []

    def copy(path: Path) -> Path:
        copied.append(path.read_bytes())
        return path

    files = [tmp_path / "a.wav", tmp_path / "b.wav"]
    report = Report(json=False, place=copy)
    for index, file in enumerate(files):
        file.write_bytes(b"draft %d" % index)
        report(draft(index, file))
    assert copied == []
    files[1].write_bytes(b"better 1")
    report(draft(1, files[1]).improved(0.75))
    report(done(2))
    assert copied == [b"better 1", b"draft 0"]


def test_of_a_job_that_ends_badly_the_drafts_are_copied_all_the_same(tmp_path):
    file = tmp_path / "a.wav"
    file.write_bytes(b"draft")
    copied: list[Path] = []
    report = Report(json=False, place=lambda path: copied.append(path) or path)
    report(draft(0, file))
    with pytest.raises(EngineFailedError):
        report(Cancelled(job=JOB))
    assert copied == [file]
