"""Numbers about a library, for people."""

from typing import Any

from oneshot_server.library.sound_questions import SoundQuestions


def statistics(sounds: SoundQuestions) -> dict[str, Any]:
    """What there is of kinds, stars, tags and troubles, as JSON has it."""
    ((seconds, size, rendered),) = sounds.rows(
        "SELECT total(seconds), coalesce(sum(size), 0), coalesce(sum(rendered), 0) "
        "FROM sounds WHERE trouble = ''"
    )
    counts = sounds.counts()
    return {
        "sounds": counts.sounds,
        "unusable": counts.unusable,
        "rendered": rendered,
        "seconds": seconds,
        "bytes": size,
        "kinds": sounds.rows(
            "SELECT kind, count(*), avg(seconds), avg(brightness_hz) FROM sounds "
            "WHERE trouble = '' GROUP BY kind ORDER BY count(*) DESC, kind"
        ),
        "stars": sounds.rows(
            "SELECT stars, count(*) FROM sounds WHERE trouble = '' AND stars > 0 "
            "GROUP BY stars ORDER BY stars DESC"
        ),
        "tags": sounds.tags(),
        "troubles": sounds.rows(
            "SELECT path, trouble FROM sounds WHERE trouble != '' ORDER BY path LIMIT 1000"
        ),
    }
