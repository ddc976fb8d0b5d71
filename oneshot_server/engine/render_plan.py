"""How a job is sampled, and whether what comes of it is a draft, or what a draft is replaced by."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.pipeline.lora_sampling import LoraSampling, Sampling, choose_sampling
from oneshot_server.pipeline.model_folder import ModelCard


@dataclass(frozen=True, kw_only=True)
class RenderPlan:
    """A plan.

    Attributes:
        sampling: how the sounds are sampled.
        draft: whether they are made better later.
        improves: whether this is later: they have the seeds of their drafts, or are not made.
        share: of all the work on the job, 0 to 1.
    """

    sampling: Sampling
    draft: bool = False
    improves: bool = False
    share: float = 1.0

    def progress(self, fraction: float) -> float:
        """How far the whole job is, 0 to 1, when this much of what is rendered now is."""
        return fraction * self.share + (1.0 - self.share if self.improves else 0.0)


def plan_render(
    request: GenerateRequest, wishes: Sequence[LoraSampling], card: ModelCard, *, improves: bool
) -> RenderPlan:
    """Plan a job.

    Args:
        request: what is asked for.
        wishes: of its LoRAs.
        card: of the model.
        improves: whether all its sounds have their drafts.

    Raises:
        BadArgumentsError: as ``choose_sampling``.
    """
    sampling = choose_sampling(request, wishes, card)
    if request.quality != "draft-then-best":
        return RenderPlan(sampling=sampling)
    best = choose_sampling(replace(request, quality="best"), wishes, card)
    share = sampling.steps / (sampling.steps + best.steps)
    if improves:
        return RenderPlan(sampling=best, improves=True, share=1.0 - share)
    if best == sampling:  # there is no quicker way, and no draft
        return RenderPlan(sampling=best)
    return RenderPlan(sampling=sampling, draft=True, share=share)
