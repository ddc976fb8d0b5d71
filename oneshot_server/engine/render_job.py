"""Jobs: their batches, the defects that must not reach the folder, and the files."""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import torch

from oneshot_server import __version__
from oneshot_server.domain.events import NoticeCode
from oneshot_server.domain.recipe import Recipe
from oneshot_server.domain.requests import Batch, GenerateRequest
from oneshot_server.dsp.defects import find_defect
from oneshot_server.dsp.descriptors import describe
from oneshot_server.dsp.finish import finish
from oneshot_server.engine.batches import (
    Candidates,
    Slot,
    Work,
    asked,
    job_to_batches,
    jobs_of,
    seeds_of,
    subtype_of,
)
from oneshot_server.engine.job_loras import AppliedLoras, JobLoras, LoraVersions
from oneshot_server.engine.messages import (
    Rendered,
    RenderNotice,
    RenderProgress,
)
from oneshot_server.engine.novelty import Novelty
from oneshot_server.engine.parents import Beginning, ParentReader
from oneshot_server.engine.render_plan import RenderPlan, plan_render
from oneshot_server.engine.takes import Take, Takes, takes_of
from oneshot_server.engine.taste import Taste
from oneshot_server.errors import BadArgumentsError, DefectError
from oneshot_server.library.projection import features_to_embedding
from oneshot_server.library.touched_wav import touch_wav
from oneshot_server.library.wav_encoding import encode_wav
from oneshot_server.library.wav_metadata import embed
from oneshot_server.pipeline.model import Model
from oneshot_server.pipeline.prompt_weights import without_weights
from oneshot_server.pipeline.render import Sounds, prompt_to_words, render_draws

MOST_TRIES: Final = 4
TASTE_CANDIDATES: Final = 2

Send = Callable[[Rendered | RenderNotice | RenderProgress], None]


class _Retries:
    """Chooses seeds for sounds that came out broken, after the job's own."""

    def __init__(self, requests: Sequence[GenerateRequest], candidates: Candidates) -> None:
        self._tries: Counter[tuple[str, int]] = Counter()
        self._most = 1 if requests[0].replay is not None else MOST_TRIES
        self._next = max(request.count * candidates(request) for request in requests)

    def another(self, slot: Slot, defect: str) -> Slot:
        """The slot with another seed.

        Raises:
            DefectError: it was tried often enough.
        """
        assert slot.index is not None
        self._tries[slot.job, slot.index] += 1
        if self._tries[slot.job, slot.index] == self._most:
            raise DefectError(
                f"sound {slot.index} was {defect}, "
                f"the last of {self._most} tries with seed {slot.seed}"
            )
        self._next += 1
        return replace(slot, seed=slot.request.seed_of(self._next - 1))


def _try_again(
    broken: Sequence[tuple[Slot, str]], retries: _Retries, send: Send
) -> tuple[Slot, ...]:
    """A batch of other seeds for the sounds that were broken; their jobs are told.

    Raises:
        DefectError: one was tried often enough.
    """
    remarks: dict[str, list[str]] = {}
    again: list[Slot] = []
    for slot, defect in broken:
        again.append(retries.another(slot, defect))
        text = f"sound {slot.index} was {defect}, again with seed {again[-1].seed}"
        remarks.setdefault(slot.job, []).append(text)
    for job, said in remarks.items():
        send(RenderNotice(job=job, code=NoticeCode.RETRIED, text=", ".join(said)))
    return tuple(again)


def _mono(sound: torch.Tensor) -> torch.Tensor:
    """(samples,) or (samples, channels) to (samples,), as the library will hear it."""
    return sound if sound.ndim == 1 else sound.mean(dim=1)


def _say_nothing(_message: Rendered | RenderNotice | RenderProgress) -> None:
    pass


def _again(
    broken: Sequence[tuple[Slot, str]], plan: RenderPlan, retries: _Retries, send: Send
) -> tuple[Slot, ...]:
    """What is rendered instead of what was broken; nothing where there are drafts.

    Raises:
        DefectError: one was tried often enough.
    """
    if not plan.improves:
        return _try_again(broken, retries, send) if broken else ()
    for slot, defect in broken:
        text = (
            f"sound {slot.index} stays a draft: the better one with seed {slot.seed} was {defect}"
        )
        send(RenderNotice(job=slot.job, code=NoticeCode.DRAFT_STAYS, text=text))
    return ()


class JobRenderer:
    """Renders jobs with one model.

    Args:
        model: the model.
        max_batch: sounds rendered together at the most.
        loras: where LoRAs are; ``None`` if there are none.
        novelty: knows what there is already.
        taste: knows what the listener likes.
        render: as ``pipeline.render.render_draws``; tests put their own in.
    """

    def __init__(
        self,
        model: Model,
        *,
        max_batch: int,
        loras: LoraVersions | None = None,
        novelty: Novelty | None = None,
        taste: Taste | None = None,
        render: Callable[..., Sounds] = render_draws,
    ) -> None:
        self._model = model
        self._max_batch = max_batch
        self._loras = JobLoras(model, loras)
        self._parents = ParentReader(model)
        self._novelty = novelty or Novelty()
        self._taste = taste or Taste()
        self._render = render
        self._platform = (
            f"torch {torch.__version__}, {model.device.type}, {torch.get_num_threads()} threads"
            f"{', ' * bool(model.plan.label)}{model.plan.label}"
        )

    def run(self, job: Work, send: Send, give_way: Callable[[], bool]) -> None:
        """Render a job and send its sounds, progress and remarks.

        Args:
            job: what to render.
            send: takes each message for the daemon.
            give_way: called before each sampler step and each inversion; raises
                RenderCancelledError; says whether it has rendered another job meanwhile.

        Raises:
            RenderCancelledError: as ``give_way`` raised it.
            DefectError: a sound came out broken again and again; not one that has a draft.
            BadArgumentsError: no word of the prompt is known to the model, or a parent cannot be
                used.
            NotFoundError: no such LoRA or parent.
            ModelError: a LoRA that cannot be used with the model.
        """
        ((name, request), *_) = asked(job)
        applied = self._begin(job, send)
        beginning = self._read_parents(name, request, send, give_way)
        plan = plan_render(
            request, applied.sampling, self._model.card, improves=bool(seeds_of(job))
        )
        batches = deque(job_to_batches(job, self._max_batch, self._candidates))
        takes = Takes(batches)
        ahead = sum(len(batch) for batch in batches)
        ready = 0
        retries = _Retries([request for _, request in asked(job)], self._candidates)

        def give_way_and_come_back() -> None:
            if give_way():
                self._loras.apply(request.loras)

        while batches:
            batch = batches.popleft()

            def on_step(
                step: int, steps: int, batch: tuple[Slot, ...] = batch, ready: int = ready
            ) -> None:
                give_way_and_come_back()
                fraction = plan.progress((ready + len(batch) * step / steps) / ahead)
                for name in dict.fromkeys(slot.job for slot in batch):
                    send(RenderProgress(job=name, fraction=fraction, stage="sampling"))

            sounds = self._render(
                [slot.draw for slot in batch],
                applied.told(self._model),
                steps=plan.sampling.steps,
                guidance=plan.sampling.guidance,
                on_step=on_step,
                on_sound=give_way_and_come_back,
                sampler=plan.sampling.sampler,
                start=beginning.start if beginning else None,
            )
            broken: list[tuple[Slot, str]] = []
            for take in takes_of(batch, sounds):
                defect = find_defect(take.waveform, self._model.card.profile.sample_rate)
                good = takes.add(take, good=defect is None)
                if good:
                    chosen, finished = self._choose(good)
                    self._deliver(chosen, finished, applied, plan, subtype_of(job), beginning, send)
                elif good is not None:
                    broken.append((take.slot, str(defect)))
            ready += len(batch) - len(broken)
            if again := _again(broken, plan, retries, send):
                batches.appendleft(again)

    def _begin(self, job: Work, send: Send) -> AppliedLoras:
        if seeds_of(job):  # all that is to remark was said of the drafts
            send = _say_nothing
        for name, request in asked(job):
            self._check(name, request, send)
        applied = self._loras.apply(asked(job)[0][1].loras)
        for text in applied.remarks:
            for name in jobs_of(job):
                send(RenderNotice(job=name, code=NoticeCode.FALLBACK, text=text))
        return applied

    def _read_parents(
        self, job: str, request: GenerateRequest, send: Send, check: Callable[[], object]
    ) -> Beginning | None:
        beginning = self._parents.read(request, check)
        for text in beginning.remarks if beginning else ():
            send(RenderNotice(job=job, code=NoticeCode.FALLBACK, text=text))
        return beginning

    def _check(self, job: str, request: GenerateRequest, send: Send) -> None:
        longest = self._model.card.profile.seconds
        said = prompt_to_words(request.prompt, self._model)
        away = prompt_to_words(request.negative, self._model)
        if not said.words and (request.prompt or request.reshape is None):
            raise BadArgumentsError(
                f'prompt = "{request.prompt}", expected at least one word that the model '
                f"{self._model.card.name} knows, as in: punchy kick"
            )
        if unknown := (*said.unknown, *away.unknown):
            text = " ".join(unknown)
            send(RenderNotice(job=job, code=NoticeCode.UNKNOWN_WORDS, text=text))
        weighted = [t for t in (request.prompt, request.negative) if t != without_weights(t)]
        if weighted and self._model.words is not None:
            text = f"{self._model.card.name} knows words, and no weights of words in {weighted[0]}"
            send(RenderNotice(job=job, code=NoticeCode.FALLBACK, text=text))
        if request.seconds is not None and request.seconds > longest:
            text = f"seconds = {request.seconds:g}, the model makes {longest:.2f} at the most"
            send(RenderNotice(job=job, code=NoticeCode.FALLBACK, text=text))

    def _candidates(self, request: GenerateRequest) -> int:
        by_taste = TASTE_CANDIDATES if request.taste and self._taste.knows else 1
        return max(request.candidates, by_taste)

    def _choose(self, takes: Sequence[Take]) -> tuple[Take, torch.Tensor]:
        """One of the candidates, and what ``finish`` made of it."""
        request, rate = takes[0].slot.request, self._model.card.profile.sample_rate
        finished = [finish(take.waveform, rate, take.slot.finish) for take in takes]
        if len(takes) == 1 and request.candidates == 1:
            return takes[0], finished[0]
        at = takes[0].slot.finish.rate_of(rate)
        heard = [describe(_mono(sound).numpy(), at).features for sound in finished]
        embeddings = [features_to_embedding(one) for one in heard]
        judge = self._novelty.furthest if request.candidates > 1 else self._taste.best
        chosen = judge(embeddings)
        return takes[chosen], finished[chosen]

    def _deliver(
        self,
        take: Take,
        finished: torch.Tensor,
        applied: AppliedLoras,
        plan: RenderPlan,
        subtype: str,
        beginning: Beginning | None,
        send: Send,
    ) -> None:
        """Send one finished sound."""
        slot, profile = take.slot, self._model.card.profile
        assert slot.index is not None
        nearest = applied.nearest(take.waveform, profile)
        request = slot.request
        recipe = Recipe(
            prompt=request.prompt,
            caption=take.sounds.captions[take.position],
            negative=request.negative,
            seed=slot.seed,
            steps=plan.sampling.steps,
            guidance=plan.sampling.guidance,
            sampler=plan.sampling.sampler,
            loras=request.loras,
            model=self._model.card.name,
            model_hash=self._model.hash,
            profile=profile,
            batch=Batch(seeds=tuple(s.seed for s in take.batch), index=take.position),
            finish=slot.finish,
            subtype=subtype,
            software=f"oneshot-server {__version__}",
            platform=self._platform,
            lora_hashes=applied.hashes,
            nearest_db=None if nearest is None else nearest.distance_db,
            near_copy=nearest is not None and nearest.copied is not None,
            walk=request.walk,
            reshape=beginning.reshape if beginning else None,
        )
        rate = slot.finish.rate_of(profile.sample_rate)
        wav = embed(encode_wav(finished.numpy(), rate, subtype), recipe)
        seconds = len(finished) / rate
        if request.touch is not None:
            wav, seconds = touch_wav(wav, request.touch)
        send(
            Rendered(
                job=slot.job,
                index=slot.index,
                seed=slot.seed,
                seconds=seconds,
                wav=wav,
                draft=plan.draft,
            )
        )
        if nearest is not None and nearest.copied is not None:
            text = (
                f'sound {slot.index} is a near copy of one that "{nearest.copied}" was trained on: '
                f"{nearest.distance_db:g} dB from it"
            )
            send(RenderNotice(job=slot.job, code=NoticeCode.NEAR_COPY, text=text))
