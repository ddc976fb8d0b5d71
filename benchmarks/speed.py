"""How long a producer waits: ``python -m benchmarks.speed``. Ratios are taken in this one run.

Stable Diffusion 1.5's cost is that of its real architecture with random weights: one guided UNet
call and one decode are measured here and multiplied by 20 steps. ``--no-sd15`` leaves it out, as it
needs 8 GB.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.live import job, live, until_state
from benchmarks.rows import row
from oneshot_server.domain.finish_options import FinishOptions
from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.dsp.finish import finish
from oneshot_server.dsp.image import mel_to_image
from oneshot_server.dsp.inversion import mel_to_waveform
from oneshot_server.dsp.mel import waveform_to_mel
from oneshot_server.pipeline.decoding import latents_to_mels
from oneshot_server.pipeline.lora_sampling import choose_sampling
from oneshot_server.pipeline.model import load_model
from oneshot_server.pipeline.model_folder import STARTER
from oneshot_server.pipeline.render import render_batch
from oneshot_server.pipeline.sampling import texts_to_embeddings

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


def gemm_flops() -> float:
    """What this machine can do: floating-point operations a second of a large fp32 product."""
    size = 2048
    matrix = torch.randn(size, size)
    return 2 * size**3 / seconds(partial(torch.mm, matrix, matrix), 5)


@torch.inference_mode()
def measure_parts(one: float) -> None:
    """Print the parts of a warm job, by the same calls in this process, and the machine's limit."""
    model = load_model(STARTER, torch.device("cpu"))
    profile = model.card.profile
    sampling = choose_sampling(GenerateRequest(prompt="punchy kick"), (), model.card)
    unet: Any = model.distilled_unet if sampling.sampler == "distilled" else model.unet
    render = partial(
        render_batch,
        "punchy kick",
        "",
        [1],
        model,
        steps=sampling.steps,
        guidance=sampling.guidance,
        sampler=sampling.sampler,
        on_step=lambda _step, _steps: None,
    )
    waveforms = render().waveforms
    image = mel_to_image(waveform_to_mel(waveforms, profile), profile, 1)
    latents = model.vae.encode(image).latent_dist.mean
    mel_db = latents_to_mels(latents, model)
    words = texts_to_embeddings(["punchy kick"] * 8, model)
    parts: dict[str, Callable[[], object]] = {
        "words to embeddings": lambda: texts_to_embeddings(["punchy kick"], model),
        "latents to mel": lambda: latents_to_mels(latents, model),
        "mel to waveform": lambda: mel_to_waveform(mel_db, profile),
        "finish": lambda: finish(waveforms[0], profile.sample_rate, FinishOptions()),
    }
    limit = gemm_flops()
    row("fp32 product of 2,048 by 2,048", limit / 1e9, "GFLOP/s")
    in_unet = 0.0
    for count in (8, 1):
        call = partial(unet, latents.expand(count, -1, -1, -1), 500, words[:count])
        with FlopCounterMode(display=False) as counter:
            call()
        spent = seconds(call, 20)
        share = counter.get_total_flops() / spent / limit
        row(f"one UNet call, sounds: {count}", 1000 * spent, f"ms = {100 * share:.0f} % of that")
        in_unet = sampling.steps * spent
    row(f"UNet calls of one job: {sampling.steps} steps", 1000 * in_unet, "ms")
    for name, part in parts.items():
        row(name, 1000 * seconds(part, 20), "ms")
    row("all but the UNet, share of the warm job", 100 * (1 - in_unet / one), "%")


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
