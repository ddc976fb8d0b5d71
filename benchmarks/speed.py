"""How long a producer waits: ``python -m benchmarks.speed``. Ratios are taken in this one run.

Stable Diffusion 1.5's cost is that of its real architecture with random weights: one guided UNet
call and one decode are measured here and multiplied by 20 steps. ``--no-sd15`` leaves it out, as it
needs 8 GB.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.live import job, live, until_state
from benchmarks.rows import row
from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.pipeline.lora_sampling import choose_sampling
from oneshot_server.pipeline.model import load_model
from oneshot_server.pipeline.model_folder import STARTER
from oneshot_server.pipeline.render import render_batch

WARM_JOBS = 20
SD15_STEPS = 20


def seconds(action: Callable[[], object], times: int) -> float:
    """Median time of an action, after one call that does not count."""
    action()
    spent = []
    for _ in range(times):
        begun = time.perf_counter()
        action()
        spent.append(time.perf_counter() - begun)
    return statistics.median(spent)


def resident_megabytes(pid: int) -> float:
    """Memory that a process holds; Linux only."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(x.split()[1]) for x in status.splitlines() if x.startswith("VmRSS")) / 1000


def measure_daemon() -> float:
    """Print what a client sees; returns the seconds of one warm job."""
    with live() as daemon:
        until_state(daemon.client, "starting", "loading", "ready", "busy")
        row("ping answered after process start", time.perf_counter() - daemon.started, "s")
        job(daemon.client, "punchy kick")
        row("first sound after process start", time.perf_counter() - daemon.started, "s")
        row("memory of the daemon process", resident_megabytes(daemon.process.pid), "MB")
        warm = [job(daemon.client, "punchy kick") for _ in range(WARM_JOBS)]
        eights = [job(daemon.client, "punchy kick", "count", 8)[1] for _ in range(5)]
        sixteens = [job(daemon.client, "punchy kick", "count", 16)[1] for _ in range(5)]
        best = [job(daemon.client, "punchy kick", "quality", "best")[1] for _ in range(5)]
    first = statistics.median(first for first, _ in warm)
    one = statistics.median(end for _, end in warm)
    eight = statistics.median(eights)
    row("trigger to first event, median", 1000 * first, "ms")
    row("one warm job, trigger to done", 1000 * one, "ms")
    row("eight sounds in one job", 1000 * eight, f"ms = {eight / one:.2f} x one")
    row("sixteen sounds in one job", 16 / statistics.median(sixteens), "sounds/s")
    many = statistics.median(best)
    row("one warm job with quality best", 1000 * many, f"ms = {many / one:.2f} x one")
    return one


def measure_parts(one: float) -> None:
    """Print what of a warm job the UNet takes, by the same calls in this process."""
    model = load_model(STARTER, torch.device("cpu"))
    sampling = choose_sampling(GenerateRequest(prompt="punchy kick"), (), model.card)
    chosen: Any = model.distilled_unet if sampling.sampler == "distilled" else model.unet
    spent = 0.0

    class Timed:
        config = model.unet.config

        def __call__(self, *arguments: object) -> object:
            nonlocal spent
            begun = time.perf_counter()
            result = chosen(*arguments)
            spent += time.perf_counter() - begun
            return result

    timed = replace(model, unet=Timed(), distilled_unet=Timed() if model.distilled_unet else None)

    def render() -> None:
        render_batch(
            "punchy kick",
            "",
            [1],
            timed,
            steps=sampling.steps,
            guidance=sampling.guidance,
            sampler=sampling.sampler,
            on_step=lambda _step, _steps: None,
        )

    render()
    calls = []
    for _ in range(10):
        spent = 0.0
        render()
        calls.append(spent)
    in_unet = statistics.median(calls)
    row(f"UNet calls of one job: {sampling.steps} steps", 1000 * in_unet, "ms")
    row("everything else, share of the warm job", 100 * (1 - in_unet / one), "%")


def measure_sd15(one: float) -> None:
    """Print how much longer the same trigger takes with Stable Diffusion 1.5."""
    from diffusers import AutoencoderKL, UNet2DConditionModel

    with torch.inference_mode():
        unet = UNet2DConditionModel(cross_attention_dim=768, attention_head_dim=8, sample_size=64)
        latents, words = torch.randn(2, 4, 64, 64), torch.randn(2, 77, 768)
        call = seconds(partial(unet, latents, 500, words), 2)
        del unet
        vae = AutoencoderKL(
            in_channels=3,
            out_channels=3,
            latent_channels=4,
            block_out_channels=(128, 256, 512, 512),
            layers_per_block=2,
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
        )
        decode = seconds(partial(vae.decode, latents[:1]), 1)
    whole = SD15_STEPS * call + decode
    row("Stable Diffusion 1.5, one guided UNet call", call, "s")
    row("Stable Diffusion 1.5, one decode", decode, "s")
    row(
        f"its trigger: {SD15_STEPS} guided steps and a decode",
        whole,
        f"s = {whole / one:.0f} x ours",
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--no-sd15", action="store_true")
    arguments = parser.parse_args()
    one = measure_daemon()
    measure_parts(one)
    if not arguments.no_sd15:
        measure_sd15(one)


if __name__ == "__main__":
    main()
