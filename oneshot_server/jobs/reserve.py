"""The reserve: finished sounds for each pad, rendered while nobody waits for one."""

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import structlog

from oneshot_server.domain.events import SPARE, EngineState, JobId
from oneshot_server.domain.parameters import SEED
from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.errors import MetadataError, OneshotError
from oneshot_server.jobs.pad_bank import PadBank
from oneshot_server.jobs.pad_recipes import PadRecipe, PadRecipes
from oneshot_server.jobs.renderer import Renderer
from oneshot_server.jobs.shelves import Shelf, Shelves
from oneshot_server.library.reserve_folder import ReserveFolder, Waiting, throw_away
from oneshot_server.library.wav_metadata import extract

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 2.0
GATHER_SECONDS: Final = 0.05
SETTLE_SECONDS: Final = 0.3  # while a knob is turned, every position is another recipe
AGAIN_SECONDS: Final = 60.0
MODEL: Final = "model_hash"
SEEDS: Final = int(SEED.high) + 1


@dataclass(frozen=True, kw_only=True)
class _Batch:
    """What the engine renders for the reserve now.

    Attributes:
        job: its id.
        keys: of the recipe of each sound.
        model_hash: of the model that renders it.
    """

    job: JobId
    keys: tuple[str, ...]
    model_hash: str


class Reserve:
    """Keeps the shelves full. Everything runs on the event loop, its disk work in threads.

    Args:
        bank: knows what the pads play.
        recipes: knows what that means.
        folder: keeps the files.
        renderer: renders.
        model: name of the model that renders first.
        per_pad: sounds for each pad; 0 for no reserve at all.
        most_bytes: nothing more is rendered when the reserve takes up as much.
        max_batch: sounds rendered together.
        taste: whether stars choose between two sounds where the seed is free.
    """

    def __init__(
        self,
        *,
        bank: PadBank,
        recipes: PadRecipes,
        folder: ReserveFolder,
        renderer: Renderer,
        model: str,
        per_pad: int,
        most_bytes: int,
        max_batch: int,
        taste: bool = False,
    ) -> None:
        self._bank = bank
        self._recipes = recipes
        self._folder = folder
        self._renderer = renderer
        self._model = model
        self._per_pad = per_pad
        self._most_bytes = most_bytes
        self._max_batch = max_batch
        self._taste = taste
        self._shelves = Shelves()
        self._current: dict[int, PadRecipe] = {}
        self._batch: _Batch | None = None
        self._suspects: set[str] = set()
        self._number = 0
        self._again_at = 0.0
        self._settling: asyncio.TimerHandle | None = None
        self._gathering: asyncio.TimerHandle | None = None
        self._looking: asyncio.Task[None] | None = None
        self._chores: set[asyncio.Task[Any]] = set()
        self._taken_up = False

    def start(self) -> None:
        """Take up what an earlier daemon has left, and look after the shelves from now on."""
        self._look()
        self._looking = asyncio.create_task(self._keep_looking(), name="reserve")

    async def stop(self) -> None:
        """Let go of it; the sounds stay for the next daemon."""
        for timer in (self._settling, self._gathering):
            if timer is not None:
                timer.cancel()
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait({self._looking})
        if self._chores:
            await asyncio.wait(self._chores)

    def take(self, number: int) -> tuple[PadRecipe, Waiting] | None:
        """A finished sound of a pad, which is the caller's from now on; ``None`` for a miss."""
        recipe = self._current.get(number)
        waiting = self._shelves.take(recipe.key, time.monotonic()) if recipe is not None else None
        if recipe is None or waiting is None:
            return None
        if recipe.seed_policy == "walk":
            self._bank.walk(number, waiting.seed)
        if self._gathering is None:  # hits seldom come alone, and batches of one are slow
            loop = asyncio.get_running_loop()
            self._gathering = loop.call_later(GATHER_SECONDS, self._gathered)
        return recipe, waiting

    def seed_for(self, number: int) -> int:
        """The next seed of a pad, by its seed policy."""
        pad = self._bank.pad(number)
        if pad.seed_policy == "fixed":
            return pad.seed
        if pad.seed_policy == "new":
            return secrets.randbelow(SEEDS)
        seed = self._next_of_walk(number, ())
        self._bank.walk(number, seed)
        return seed

    def level(self, number: int) -> tuple[int, int]:
        """How many sounds a pad has in reserve, and how many it should have."""
        recipe = self._current.get(number)
        if recipe is None:
            return 0, 0
        if recipe.key not in self._shelves:
            return 0, self._per_pad
        shelf = self._shelves[recipe.key]
        return len(shelf.waiting) * self._per_pad // max(1, shelf.wanted), self._per_pad

    def key(self, number: int) -> str:
        """Tells apart what a pad has played and plays now; empty if nobody knows."""
        recipe = self._current.get(number)
        return recipe.key if recipe is not None else ""

    @property
    def behind(self) -> bool:
        """Whether more than half of it is missing, and being rendered.

        It is rendered in large batches, single sounds are not: whoever makes it wait for those
        makes it fall behind further.
        """
        if self._batch is None:
            return False
        levels = [self.level(number) for number in self._current]
        return 2 * sum(have for have, _ in levels) < sum(wanted for _, wanted in levels)

    def trouble(self, number: int) -> str:
        """Why a pad's reserve cannot be rendered; empty if it can."""
        recipe = self._current.get(number)
        known = recipe is not None and recipe.key in self._shelves
        return self._shelves[recipe.key].trouble if known and recipe is not None else ""

    def changed(self) -> None:
        """A pad, a LoRA or the model is another one: no sound of the old one is given out."""
        self._current = self._recipes_now()
        if self._settling is not None:
            self._settling.cancel()
        loop = asyncio.get_running_loop()
        self._settling = loop.call_later(SETTLE_SECONDS, self._look)

    def model_changed(self, name: str) -> None:
        """A model of this name renders from now on."""
        self._model = name
        self._look()

    def engine_ready(self) -> None:
        """The engine is there, perhaps with another model; no other one renders any more."""
        self._batch = None
        self._look()

    def engine_died(self, text: str, *, blameless: bool) -> None:
        """The engine is dead; ``blameless`` if it was with somebody's job."""
        if self._batch is not None and not blameless:
            self._blame(self._batch, text)
        self._batch = None

    async def rendered(self, job: JobId, index: int, seed: int, seconds: float, wav: bytes) -> None:
        """The engine has made a sound: keep it."""
        batch = self._batch
        if batch is None or batch.job != job or not 0 <= index < len(batch.keys):
            return
        key = batch.keys[index]
        if key not in self._shelves or _is_of_another_model(wav, batch.model_hash):
            return
        shelf = self._shelves[key]
        for _ in range(len(shelf.missing) if shelf.recipe.seed_policy == "fixed" else 1):
            self._number += 1
            try:
                waiting = await asyncio.to_thread(
                    self._folder.store,
                    wav,
                    key=key,
                    number=self._number,
                    seed=seed,
                    seconds=seconds,
                )
            except OneshotError as error:
                self._again_at = time.monotonic() + AGAIN_SECONDS
                log.warning("the reserve cannot be kept", error=str(error))
                self._renderer.cancel_spare(job)
                return
            if not self._shelves.put(waiting, time.monotonic()):
                self._in_thread(throw_away, waiting)

    def ended(self, job: JobId, failure: str) -> None:
        """The engine is through with what it rendered for the reserve; ``failure`` says how."""
        batch = self._batch
        if batch is None or batch.job != job:
            return
        self._batch = None
        if failure:
            self._blame(batch, failure)
        else:
            self._suspects.difference_update(batch.keys)
        self._fill()

    def _blame(self, batch: _Batch, text: str) -> None:
        """Find out which pad it is: each gets a batch of its own next."""
        keys = set(batch.keys)
        if len(keys) > 1:
            self._suspects |= keys
            return
        for key in keys & {key for key in keys if key in self._shelves}:
            shelf = self._shelves[key]
            shelf.trouble, shelf.again_at = text, time.monotonic() + AGAIN_SECONDS
            log.warning("a pad has no reserve", prompt=shelf.recipe.request.prompt, why=text)

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                self._look()
            except Exception:  # the outer loop: what is wrong now may be right in a moment
                log.exception("the reserve cannot look after itself")

    def _look(self) -> None:
        """Compare the shelves with what the pads play now, and begin to fill them."""
        model_hash = self._model_hash()
        if not model_hash:
            return
        self._current = self._recipes_now()
        counts = Counter(recipe.key for recipe in self._current.values())
        wanted = {
            recipe.key: (recipe, self._per_pad * counts[recipe.key])
            for recipe in self._current.values()
        }
        gone = self._shelves.arrange(wanted, time.monotonic())
        if not self._taken_up:
            self._taken_up = True
            gone += self._take_up()
        for waiting in gone:
            self._in_thread(throw_away, waiting)
        if self._batch is not None and not any(key in self._shelves for key in self._batch.keys):
            self._renderer.cancel_spare(self._batch.job)
        self._fill()

    def _take_up(self) -> list[Waiting]:
        """Put what an earlier daemon has left on the shelves; returns what is for none."""
        found = self._folder.contents()
        self._number = max((waiting.number for waiting in found), default=0)
        return [w for w in found if not self._shelves.put(w, time.monotonic())]

    def _gathered(self) -> None:
        self._gathering = None
        self._fill()

    def _fill(self) -> None:
        now = time.monotonic()
        able = self._renderer.state in {EngineState.READY, EngineState.BUSY}
        if self._batch is not None or not able or now < self._again_at:
            return
        if self._shelves.size >= self._most_bytes:
            return
        shelves = self._shelves.next_batch(self._max_batch, now, alone=self._suspects)
        if not shelves:
            return
        self._batch = _Batch(
            job=JobId(f"{SPARE}{secrets.token_hex(4)}"),
            keys=tuple(shelf.recipe.key for shelf in shelves),
            model_hash=self._model_hash(),
        )
        self._renderer.render_spare(self._batch.job, self._requests(shelves))

    def _requests(self, shelves: Sequence[Shelf]) -> list[GenerateRequest]:
        """What to render for each shelf, its seed chosen."""
        requests: list[GenerateRequest] = []
        walked: dict[int, list[int]] = {}
        for shelf in shelves:
            recipe = shelf.recipe
            seed = recipe.request.seed
            if recipe.seed_policy == "new":
                seed = secrets.randbelow(SEEDS)
            elif recipe.seed_policy == "walk":
                seeds = walked.setdefault(recipe.number, [])
                seed = self._next_of_walk(recipe.number, seeds)
                seeds.append(seed)
            free = recipe.seed_policy == "new"
            requests.append(replace(recipe.request, seed=seed, taste=self._taste and free))
        return requests

    def _next_of_walk(self, number: int, chosen: Sequence[int]) -> int:
        """The seed after all that the pad has walked to, has in reserve, or will have."""
        recipe = self._current.get(number)
        waiting = (
            [w.seed for w in self._shelves[recipe.key].waiting]
            if recipe is not None and recipe.key in self._shelves
            else []
        )
        walked = self._bank.walked(number)
        seeds = [*waiting, *chosen, *([] if walked is None else [walked])]
        return (max(seeds) + 1) % SEEDS if seeds else self._bank.pad(number).seed

    def _recipes_now(self) -> dict[int, PadRecipe]:
        return self._recipes.of(self._bank.pads, self._model_hash())

    def _model_hash(self) -> str:
        """That of the model; until it is loaded, of the one that was loaded last by this name.

        A hit in the first seconds is then answered, too. Should the model be another one, the sound
        is still what the recipe inside it says.
        """
        now = self._renderer.model_hash
        name, _, known = self._bank.remembered(MODEL).rpartition("\n")
        if now and (name, known) != (self._model, now):
            self._bank.remember(MODEL, f"{self._model}\n{now}")
        return now or (known if name == self._model else "")

    def _in_thread(self, action: Callable[[Waiting], None], waiting: Waiting) -> None:
        task = asyncio.create_task(asyncio.to_thread(action, waiting))
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)


def _is_of_another_model(wav: bytes, model_hash: str) -> bool:
    """While the model is changed, the engine before it may still render."""
    try:
        return extract(wav).model_hash != model_hash
    except MetadataError:
        return False
