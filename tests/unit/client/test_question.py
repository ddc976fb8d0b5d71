from oneshot_server.client.question import Question
from oneshot_server.errors import NoAnswerError, NotFoundError


def ask(question: Question) -> str:
    """Wake it; the id that it sends."""
    message = question.wake(question.due)
    assert message is not None
    return str(message[1][0])


def test_the_answers_are_what_came_before_the_ok():
    question = Question("/oneshot/list", "pads")
    own = ask(question)
    question.take(("/oneshot/item", (own, "pads", "0", "kick")))
    question.take(("/oneshot/item", ("other", "pads", "1", "snare")))
    assert not question.over
    question.take(("/oneshot/ok", (own,)))
    assert question.over
    assert question.answers == [("/oneshot/item", (own, "pads", "0", "kick"))]


def test_a_list_that_is_asked_for_again_is_not_mixed_with_what_came_late():
    question = Question("/oneshot/list", "pads")
    first = ask(question)
    question.take(("/oneshot/item", (first, "pads", "0", "kick")))
    second = ask(question)
    question.take(("/oneshot/item", (first, "pads", "1", "snare")))
    question.take(("/oneshot/ok", (first,)))
    question.take(("/oneshot/ok", (second,)))
    assert question.over
    assert question.answers == []


def test_what_must_be_done_once_keeps_its_id():
    question = Question("/oneshot/midi/learn", "pad.3", end="/oneshot/midi/learned", one_id=True)
    own = ask(question)
    assert ask(question) == own
    question.take(("/oneshot/midi/learned", (own, "pad.3", "note 40")))
    assert question.answers == [("/oneshot/midi/learned", (own, "pad.3", "note 40"))]


def test_a_refusal_is_the_error_that_the_daemon_raised():
    question = Question("/oneshot/kit/load", "none")
    question.take(("/oneshot/error", (ask(question), "not_found", "no such kit")))
    assert isinstance(question.error, NotFoundError)
    assert str(question.error) == "no such kit"


def test_a_refusal_without_words_is_one_too():
    question = Question("/oneshot/kit/load", "none")
    question.take(("/oneshot/error", (ask(question),)))
    assert question.over


def test_silence_ends():
    question = Question("/oneshot/ping", tries=2)
    for _ in range(2):
        ask(question)
    assert question.wake(question.due) is None
    assert isinstance(question.error, NoAnswerError)
