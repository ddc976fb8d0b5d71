"""What training costs in time: ``python -m benchmarks.lora_speed [--data FOLDER]``.

One daemon, all by OSC; run it on an idle machine. Printed:

- usable LoRA: seconds from dropping 30 one-shots into ``datasets`` to the LoRA being live, with
  nobody playing.
- steps a second: of that training, its validations and checkpoints included, beside a naive loop in
  this process right after it: in every step files to mels, to latents, captions to embeddings, and
  a backward pass through the whole UNet, adapters as in diffusers' own script.
- render beside a training: median of 20 single sounds while a second training makes steps, beside
  20 before it.
- hot swaps: 100 jobs, each with another blend, beside jobs that keep theirs; the engine's memory.
"""

import argparse
import math
import shutil
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
import torch
from peft import LoraConfig

from benchmarks.live import Live, job, live, until_state
from oneshot_server.dsp.image import mel_to_image
from oneshot_server.dsp.mel import waveform_to_mel
from oneshot_server.pipeline.model import Model, load_model
from oneshot_server.pipeline.model_folder import STARTER
from oneshot_server.pipeline.sampling import texts_to_embeddings
from oneshot_server.pipeline.sound_files import read_sound, sound_to_waveform
from oneshot_server.training.schedule import Schedule
from oneshot_server.training.spec import TrainingPlan

SOUNDS = 30
RENDERS = 20
SWAPS = 100
NAIVE_STEPS = 8
PATIENCE_SECONDS = 900.0


def one_shots(data: Path) -> list[Path]:
    """Thirty kicks, as a producer would gather them."""
    kicks = sorted(path for path in data.rglob("*.flac") if "kick" in path.name.lower())
    if len(kicks) < SOUNDS:
        raise SystemExit(f"{data} has {len(kicks)} kicks, expected {SOUNDS} or more")
    return kicks[:: len(kicks) // SOUNDS][:SOUNDS]


def drop(files: Sequence[Path], home: Path, name: str) -> None:
    """Copy files into a new dataset."""
    folder = home / "datasets" / name
    folder.mkdir(parents=True)
    for number, path in enumerate(files):
        shutil.copy(path, folder / f"kick {number}{path.suffix}")


def until_step(daemon: Live, step: int) -> float:
    """Wait for a training's step; returns how many steps a second it made from its first report.

    The end of the training counts as any step.

    Raises:
        RuntimeError: it ended badly, or nothing came for long.
    """
    first: tuple[float, int] | None = None
    last = (0.0, 0)
    greeted = -math.inf
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        event = daemon.client.receive(5.0)
        if time.monotonic() - greeted > 20.0:
            greeted = time.monotonic()
            daemon.client.send("/oneshot/hello", "", daemon.client.port)  # renews the lease
        if event is None:
            continue
        address, arguments = event
        if address == "/oneshot/train/progress":
            if int(arguments[2]):
                last = time.monotonic(), int(arguments[2])
                first = first or last
            if last[1] >= step:
                break
        elif address == "/oneshot/done":
            break
        elif address in {"/oneshot/error", "/oneshot/cancelled"}:
            raise RuntimeError(f"the training ended with {event}")
    else:
        raise RuntimeError(f"no end of the training within {PATIENCE_SECONDS:g} s")
    if first is None or last == first:
        return float("nan")
    return (last[1] - first[1]) / (last[0] - first[0])


def naive_steps_a_second(files: Sequence[Path], model: Model) -> float:
    """A training loop as one writes it first."""
    plan = TrainingPlan()
    unet, profile = model.unet, model.card.profile
    unet.requires_grad_(False)
    unet.add_adapter(
        LoraConfig(
            r=plan.rank,
            lora_alpha=int(plan.alpha),
            target_modules=["to_q", "to_k", "to_v", "to_out.0"],
        )
    )
    optimiser = torch.optim.AdamW(p for p in unet.parameters() if p.requires_grad)
    schedule = Schedule.from_config(model.scheduler_config, model.device)
    seconds = []
    for number in range(NAIVE_STEPS + 1):
        began = time.perf_counter()
        chosen = [files[(number * plan.batch + i) % len(files)] for i in range(plan.batch)]
        waveforms = [sound_to_waveform(*read_sound(path, 8.0), profile) for path in chosen]
        image = mel_to_image(
            waveform_to_mel(torch.stack(waveforms), profile), profile, model.card.image_channels
        )
        with torch.no_grad():
            latents = model.vae.encode(image).latent_dist.mean * model.vae.config.scaling_factor
            embeddings = texts_to_embeddings(["kick"] * plan.batch, model)
        noise = torch.randn_like(latents)
        timesteps = torch.randint(0, len(schedule.signal), (plan.batch,))
        predicted = unet(schedule.add_noise(latents, noise, timesteps), timesteps, embeddings)
        errors = (predicted.sample - schedule.target(latents, noise, timesteps)).square()
        (errors.flatten(1).mean(dim=1) * schedule.weights[timesteps]).mean().backward()
        optimiser.step()
        optimiser.zero_grad()
        seconds.append(time.perf_counter() - began)
    return 1.0 / statistics.median(seconds[1:])  # the first one warms up


def renders(daemon: Live, pause_seconds: float) -> float:
    """Median seconds of single sounds."""
    seconds = []
    for number in range(RENDERS):
        time.sleep(pause_seconds)
        seconds.append(job(daemon.client, "punchy kick", "seed", 100 + number)[1])
    return statistics.median(seconds)


def engine(daemon: Live) -> psutil.Process:
    """The engine's process."""
    children = psutil.Process(daemon.process.pid).children(recursive=True)
    return next(child for child in children if "oneshot_server.engine" in child.cmdline())


def swaps(daemon: Live, name: str) -> tuple[float, float, float, float]:
    """Median seconds of a job that keeps its blend, of one that swaps; memory before, after."""
    keeping: list[float] = []
    swapping: list[float] = []
    process = engine(daemon)
    before = 0.0
    for number in range(-10, SWAPS):
        if number == 0:
            before = process.memory_info().rss / 1e6
        blend = f"{name}:{0.5 + 0.01 * number:.2f}"
        for seconds in (swapping, keeping):
            arguments = ("kick", "lora", blend, "steps", 1, "seed", 7)
            taken = job(daemon.client, *arguments)[1]
            if number >= 0:
                seconds.append(taken)
    after = process.memory_info().rss / 1e6
    return statistics.median(keeping), statistics.median(swapping), before, after


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("../shared/data/base_train"))
    files = one_shots(parser.parse_args().data)
    with live() as daemon:
        until_state(daemon.client, "ready")
        job(daemon.client, "kick")
        quiet = renders(daemon, 0.0)
        began = time.perf_counter()
        drop(files, daemon.home, "my kicks")
        ours = until_step(daemon, 10**9)
        whole = time.perf_counter() - began
        print(f"{SOUNDS} one-shots to a LoRA: {whole:.0f} s (at most 240)", flush=True)
        naive = naive_steps_a_second(files, load_model(STARTER, torch.device("cpu")))
        print(
            f"steps a second: {ours:.2f}, naive {naive:.2f}: {ours / naive:.1f} x (at least 3)",
            flush=True,
        )
        keeping, swapping, before, after = swaps(daemon, "my kicks")
        print(
            f"{SWAPS} swaps: job {keeping * 1e3:.0f} ms, another blend {swapping * 1e3:.0f} ms: "
            f"a swap takes {(swapping - keeping) * 1e3:.0f} ms (at most 500); "
            f"engine {before:.0f} to {after:.0f} MB (at most 5 % more)",
            flush=True,
        )
        drop(files[::-1], daemon.home, "more kicks")
        until_step(daemon, 10)
        beside = renders(daemon, 0.5)
        print(
            f"a render: {quiet * 1e3:.0f} ms, beside a training {beside * 1e3:.0f} ms: "
            f"{beside / quiet:.2f} x (at most 1.5)"
        )


if __name__ == "__main__":
    main()
