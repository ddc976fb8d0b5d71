"""A model that is loaded, and what is done when its precision or its memory does not suffice."""

import gc
import logging
from collections.abc import Callable
from pathlib import Path

import torch

from oneshot_server.domain.events import NoticeCode
from oneshot_server.engine.batches import Work, jobs_of
from oneshot_server.engine.messages import RenderNotice
from oneshot_server.engine.render_job import JobRenderer, Send
from oneshot_server.errors import OutOfMemoryError, PrecisionError
from oneshot_server.library.lora_store import LoraStore
from oneshot_server.pipeline.device import (
    choose_device,
    free_memory,
    is_out_of_memory,
    measure,
)
from oneshot_server.pipeline.device_plan import DevicePlan, Setting, plan_device
from oneshot_server.pipeline.model import Model, load_model
from oneshot_server.pipeline.model_folder import read_card
from oneshot_server.pipeline.model_size import model_size

log = logging.getLogger(__name__)


class Loaded:
    """One model on one device.

    Args:
        folder: of the model.
        loras: folder of the LoRAs; ``None`` if there are none.
        device: ``engine.device``.
        precision: ``engine.precision``.
        max_batch: ``engine.max_batch``.
        beside: whether another engine has memory now that is given back soon.

    Raises:
        NotFoundError: the weights are not there.
        ModelError: the model or the device cannot be used.
        OutOfMemoryError: there is no memory for it beside the other engine.
    """

    def __init__(
        self,
        *,
        folder: Path,
        loras: Path | None,
        device: str,
        precision: Setting,
        max_batch: int,
        beside: bool,
    ) -> None:
        self._folder = folder
        self._loras = LoraStore(loras) if loras is not None else None
        self._max_batch = max_batch
        self._device = choose_device(device)
        plan = self._plan(precision)
        if beside and not _comfortable(plan, max_batch):
            raise OutOfMemoryError(
                f"{folder.name} does not fit beside the model that is loaded: {plan.describe()}"
            )
        if not plan.fits and device == "auto" and self._device.type != "cpu":
            log.warning("the GPU's memory is too small (%s): rendering on the CPU", plan.describe())
            self._device = torch.device("cpu")
            plan = self._plan(precision)
        if not plan.fits:
            log.warning("memory may run out: %s", plan.describe())
        self._load(plan)

    @property
    def model(self) -> Model:
        """The model."""
        return self._model

    @property
    def device(self) -> str:
        """Device and precision, for people."""
        plan = self._model.plan
        return str(self._device) + (f" {plan.precision}" if plan.precision != "fp32" else "")

    def run(self, job: Work, send: Send, give_way: Callable[[], bool]) -> None:
        """Render a job; see ``JobRenderer.run``.

        If half precision gives no image, the model is loaded again in single precision, and stays
        so: the first job to which that happens is told, and rendered again from its beginning.

        Raises:
            OutOfMemoryError: the job needs more memory than there is.
        """
        try:
            try:
                self._renderer.run(job, send, give_way)
            except PrecisionError as error:
                text = f"{error}: rendering in fp32 from now on"
                log.warning(text)
                for name in jobs_of(job):
                    send(RenderNotice(job=name, code=NoticeCode.FALLBACK, text=text))
                self._load_in_single()
                self._renderer.run(job, send, give_way)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            free_memory(self._device)
            first = (str(error).splitlines() or ["out of memory"])[0]
            raise OutOfMemoryError(
                f"out of memory on {self._device}: {first}. Up to {self._max_batch} sounds are "
                "rendered together: a smaller engine.max_batch needs less"
            ) from None

    def _plan(self, precision: Setting) -> DevicePlan:
        size = model_size(self._folder, read_card(self._folder))
        machine = measure(self._device, size)
        return plan_device(machine, size, setting=precision, max_batch=self._max_batch)

    def _load(self, plan: DevicePlan) -> None:
        log.info("loading %s on %s: %s", self._folder.name, self._device, plan.describe())
        self._model = load_model(self._folder, self._device, plan)
        self._renderer = JobRenderer(
            self._model, max_batch=min(plan.max_batch, self._max_batch), loras=self._loras
        )

    def _load_in_single(self) -> None:
        # Not turned into single precision where it is: that would keep the rounded weights, and
        # the LoRAs' copies of them.
        del self._model, self._renderer
        gc.collect()
        free_memory(self._device)
        self._load(self._plan("fp32"))


def _comfortable(plan: DevicePlan, max_batch: int) -> bool:
    """Whether more memory would change next to nothing."""
    return plan.fits and not plan.offload and not plan.tiling and plan.max_batch == max_batch
