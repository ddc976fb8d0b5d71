import pytest

from oneshot_server.domain.finish_options import FinishOptions
from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.domain.reshape import Inpaint, Morph, Vary
from oneshot_server.engine.batches import goes_with
from oneshot_server.engine.messages import Render


def job(reshape=None, **values):
    files = ("a.wav", "b.wav")[: reshape.takes] if reshape else ()
    request = GenerateRequest(prompt="kick", reshape=reshape, parent_files=files, **values)
    return Render(job="j", request=request, finish=FinishOptions(), subtype="PCM_24")


@pytest.mark.parametrize("reshape", [Vary(strength=0.5), Morph(t=0.5), Inpaint(keep="tail")])
def test_what_begins_from_sounds_is_rendered_by_itself(reshape):
    assert goes_with(job(), job(seed=2))
    assert not goes_with(job(reshape), job())
    assert not goes_with(job(), job(reshape))
    assert not goes_with(job(reshape), job(reshape, seed=2))
