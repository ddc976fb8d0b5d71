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
from oneshot_server.dsp.finish import finish
from oneshot_server.engine.batches import Slot, Work, asked, job_to_batches, jobs_of, subtype_of
from oneshot_server.engine.job_loras import AppliedLoras, JobLoras, LoraVersions
from oneshot_server.engine.messages import (
    Message,
    Rendered,
    RenderNotice,
    RenderProgress,
)
from oneshot_server.errors import BadArgumentsError, DefectError
from oneshot_server.library.touched_wav import touch_wav
from oneshot_server.library.wav_encoding import encode_wav
from oneshot_server.library.wav_metadata import embed
from oneshot_server.pipeline.lora_sampling import Sampling, choose_sampling
from oneshot_server.pipeline.model import Model
from oneshot_server.pipeline.prompt_weights import without_weights
from oneshot_server.pipeline.render import Sounds, prompt_to_words, render_draws

MOST_TRIES: Final = 4

Send = Callable[[Message], None]


class _Retries:
    """Chooses seeds for sounds that came out broken, after the job's own."""

    def __init__(self, request: GenerateRequest) -> None:
        self._tries: Counter[int] = Counter()
        self._most = 1 if request.replay is not None else MOST_TRIES
        self._next = request.count

    def another(self, slot: Slot, defect: str) -> Slot:
        """The slot with another seed.

        Raises:
            DefectError: it was tried often enough.
        """
        assert slot.index is not None
        self._tries[slot.index] += 1
        if self._tries[slot.index] == self._most:
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


class JobRenderer:
    """Renders jobs with one model.

    Args:
        model: the model.
        max_batch: sounds rendered together at the most.
        loras: where LoRAs are; ``None`` if there are none.
        render: as ``pipeline.render.render_draws``; tests put their own in.
    """

    def __init__(
        self,
        model: Model,
        *,
        max_batch: int,
        loras: LoraVersions | None = None,
        render: Callable[..., Sounds] = render_draws,
    ) -> None:
        self._model = model
        self._max_batch = max_batch
        self._loras = JobLoras(model, loras)
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
            DefectError: a sound came out broken again and again.
            BadArgumentsError: no word of the prompt is known to the model.
            NotFoundError: no such LoRA.
            ModelError: a LoRA that cannot be used with the model.
        """
        ((_, request), *_) = asked(job)
        applied = self._begin(job, send)
        sampling = choose_sampling(request, applied.sampling, self._model.card)
        batches = deque(job_to_batches(job, self._max_batch))
        ahead = sum(len(batch) for batch in batches)
        ready = 0
        retries = _Retries(request)

        def give_way_and_come_back() -> None:
            if give_way():
                self._loras.apply(request.loras)

        while batches:
            batch = batches.popleft()

            def on_step(
                step: int, steps: int, batch: tuple[Slot, ...] = batch, ready: int = ready
            ) -> None:
                give_way_and_come_back()
                fraction = (ready + len(batch) * step / steps) / ahead
                for name in dict.fromkeys(slot.job for slot in batch):
                    send(RenderProgress(job=name, fraction=fraction, stage="sampling"))

            sounds = self._render(
                [slot.draw for slot in batch],
                applied.told(self._model),
                steps=sampling.steps,
                guidance=sampling.guidance,
                on_step=on_step,
                on_sound=give_way_and_come_back,
                sampler=sampling.sampler,
            )
            broken = [
                (slot, defect)
                for position, slot in enumerate(batch)
                if slot.index is not None
                and (
                    defect := self._deliver(
                        batch, position, sounds, applied, sampling, subtype_of(job), send
                    )
                )
            ]
            ready += len(batch) - len(broken)
            if broken:
                batches.appendleft(_try_again(broken, retries, send))

    def _begin(self, job: Work, send: Send) -> AppliedLoras:
        for name, request in asked(job):
            self._check(name, request, send)
        applied = self._loras.apply(asked(job)[0][1].loras)
        for text in applied.remarks:
            for name in jobs_of(job):
                send(RenderNotice(job=name, code=NoticeCode.FALLBACK, text=text))
        return applied

    def _check(self, job: str, request: GenerateRequest, send: Send) -> None:
        longest = self._model.card.profile.seconds
        said = prompt_to_words(request.prompt, self._model)
        away = prompt_to_words(request.negative, self._model)
        if not said.words:
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

    def _deliver(
        self,
        batch: tuple[Slot, ...],
        position: int,
        sounds: Sounds,
        applied: AppliedLoras,
        sampling: Sampling,
        subtype: str,
        send: Send,
    ) -> str | None:
        """Finish and send one sound; or name its defect and send nothing."""
        slot, profile = batch[position], self._model.card.profile
        assert slot.index is not None
        waveform = sounds.waveforms[position]
        defect = find_defect(waveform, profile.sample_rate)
        if defect is not None:
            return defect
        finished = finish(waveform, profile.sample_rate, slot.finish)
        nearest = applied.nearest(waveform, profile)
        request = slot.request
        recipe = Recipe(
            prompt=request.prompt,
            caption=sounds.captions[position],
            negative=request.negative,
            seed=slot.seed,
            steps=sampling.steps,
            guidance=sampling.guidance,
            sampler=sampling.sampler,
            loras=request.loras,
            model=self._model.card.name,
            model_hash=self._model.hash,
            profile=profile,
            batch=Batch(seeds=tuple(s.seed for s in batch), index=position),
            finish=slot.finish,
            subtype=subtype,
            parent=None,
            software=f"oneshot-server {__version__}",
            platform=self._platform,
            lora_hashes=applied.hashes,
            nearest_db=None if nearest is None else nearest.distance_db,
            near_copy=nearest is not None and nearest.copied is not None,
            walk=request.walk,
        )
        wav = embed(encode_wav(finished.numpy(), profile.sample_rate, subtype), recipe)
        seconds = len(finished) / profile.sample_rate
        if request.touch is not None:
            wav, seconds = touch_wav(wav, request.touch)
        send(Rendered(job=slot.job, index=slot.index, seed=slot.seed, seconds=seconds, wav=wav))
        if nearest is not None and nearest.copied is not None:
            text = (
                f'sound {slot.index} is a near copy of one that "{nearest.copied}" was trained on: '
                f"{nearest.distance_db:g} dB from it"
            )
            send(RenderNotice(job=slot.job, code=NoticeCode.NEAR_COPY, text=text))
        return None
