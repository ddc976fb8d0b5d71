from dataclasses import fields
from pathlib import Path

from oneshot_server.domain.parameters import GENERATE_KEYS
from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.transports.osc.specs import ANSWERS, REQUESTS
from oneshot_server.transports.osc.table import markdown_page, rich_table

PAGE = Path(__file__).parents[4] / "docs" / "osc.md"


def test_the_page_is_the_table():
    assert PAGE.read_text(encoding="utf-8") == markdown_page(), (
        "run: python -m oneshot_server.transports.osc.table > docs/osc.md"
    )


def test_the_terminal_shows_every_address():
    assert rich_table().row_count == len(REQUESTS)


def test_every_key_is_a_field_of_the_request():
    known = {field.name for field in fields(GenerateRequest)}
    assert {key.name for key in GENERATE_KEYS} - known == {"lora", "pad"}


def test_every_answer_that_a_request_promises_is_in_the_table():
    promised = {
        word
        for request in REQUESTS.values()
        for word in request.answer.replace(",", " ").split()
        if word.startswith("/")
    }
    # "as /oneshot/generate" promises what that one does.
    assert promised - REQUESTS.keys() <= {answer.address for answer in ANSWERS}
