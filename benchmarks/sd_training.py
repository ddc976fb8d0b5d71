"""One optimiser step of Stable Diffusion 1.5's real size: ``python -m benchmarks.sd_training``.

The architecture is written out here, the weights are random, the image is 512 by 512: what a step
needs in memory and time is that of the real model, what it learns is nothing. The step is the
trainer's own, planned as for a producer. Printed: what was foretold, the peak of memory that was
measured, and the seconds. Needs 6 to 8 GB and, on two slow cores, a few minutes.
"""

import argparse
import resource
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import psutil
import torch
from accelerate import Accelerator
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from oneshot_server.pipeline.model import Model
from oneshot_server.pipeline.model_folder import ModelCard
from oneshot_server.settings import find_profile
from oneshot_server.training.captions import Caption, Embeddings
from oneshot_server.training.drawing import Material
from oneshot_server.training.fitting import describe, fit_plan
from oneshot_server.training.prior import Prior
from oneshot_server.training.schedule import Schedule
from oneshot_server.training.spec import TrainingPlan
from oneshot_server.training.trainer import Trainer
from tests.unit.pipeline.tiny_model import write_tokenizer

UNET = {
    "sample_size": 64,
    "block_out_channels": (320, 640, 1280, 1280),
    "layers_per_block": 2,
    "cross_attention_dim": 768,
    "attention_head_dim": 8,
}
TEXT_ENCODER = {
    "vocab_size": 49_408,
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "hidden_act": "quick_gelu",
    "bos_token_id": 512,
    "eos_token_id": 513,
    "pad_token_id": 513,
}
VAE = {
    "block_out_channels": (128, 256, 512, 512),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 2,
    "latent_channels": 4,
    "sample_size": 512,
}
SCHEDULE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


def build(folder: Path) -> Model:
    """Stable Diffusion 1.5 with random weights; only the tokenizer is a small one."""
    write_tokenizer(folder)
    parts = {
        "unet": UNet2DConditionModel(**UNET),
        "text_encoder": CLIPTextModel(CLIPTextConfig(**TEXT_ENCODER)),
        "vae": AutoencoderKL(**VAE),
    }
    for name, part in parts.items():
        part.eval().requires_grad_(requires_grad=False)
        print(f"{name}: {sum(p.numel() for p in part.parameters()) / 1e6:.1f} million parameters")
    return Model(
        card=ModelCard(name="sd15", profile=find_profile("sd15-oneshot", folder)),
        words=None,
        hash="random",
        tokenizer=CLIPTokenizer.from_pretrained(folder),
        scheduler_config=SCHEDULE,
        device=torch.device("cpu"),
        **parts,
    )


def material(model: Model) -> Material:
    """Noise, as good to train on here as any sound."""
    generator = torch.Generator().manual_seed(1)
    shape = model.latent_shape
    return Material(
        latents=tuple(torch.randn(1, *shape, generator=generator) for _ in range(4)),
        captions=(Caption(words=("kick",), kind=""),) * 4,
        words=None,
        prior=Prior(
            noisy=torch.randn(4, *shape, generator=generator),
            timesteps=torch.tensor([900, 600, 300, 100]),
            predicted=torch.randn(4, *shape, generator=generator),
            captions=("snare",) * 4,
            sounds=torch.zeros(1, *shape),
            sound_captions=("snare",),
        ),
    )


def peak_bytes() -> int:
    """The most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (
        1 if sys.platform == "darwin" else 1024
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--micro-batch", type=int, default=1)
    parser.add_argument("--checkpointing", default="auto", choices=("auto", "on", "off"))
    parser.add_argument("--precision", default="no", choices=("no", "bf16"))
    parser.add_argument("--text-encoder", action="store_true")
    arguments = parser.parse_args()
    asked = TrainingPlan(
        steps=1,
        learning_rate=0.0,
        batch=arguments.batch,
        micro_batch=arguments.micro_batch,
        checkpointing=arguments.checkpointing,
        text_encoder=arguments.text_encoder,
    )
    with tempfile.TemporaryDirectory() as work:
        model = build(Path(work) / "tokenizer")
        begun = time.perf_counter()
        plan, need, free = fit_plan(asked, model, arguments.precision)
        print(f"counted in {time.perf_counter() - begun:.1f} s: {describe(plan, need, free)}")
        for name in ("weights", "adapter", "activations"):
            print(f"  {name:12} {getattr(need, name) / 1e9:6.2f} GB foretold")
        if arguments.precision == "bf16":
            model.unet.to(torch.bfloat16)
        before, resident = peak_bytes(), psutil.Process().memory_info().rss
        trainer = Trainer(
            model=model,
            plan=plan,
            steps=1,
            material=material(model),
            schedule=Schedule.from_config(SCHEDULE, model.device),
            embeddings=Embeddings(model=model, changing=plan.text_encoder),
            accelerator=Accelerator(cpu=True, mixed_precision=arguments.precision),
            fingerprint="",
            folder=Path(work),
            judge=lambda: 0.0,
            check=lambda: None,
        )
        start = {name: p.detach().clone() for name, p in trainer._parameters.items()}  # noqa: SLF001
        begun = time.perf_counter()
        trainer._step()  # noqa: SLF001 - the trainer's own step, without validation and files
        spent = time.perf_counter() - begun
        moved = sum(not torch.equal(start[n], p) for n, p in trainer._parameters.items())  # noqa: SLF001
        print(
            f"one step of {plan.batch} sounds: {spent:.0f} s, loss {trainer.state.losses[-1]:.3f}"
        )
        print(f"{moved} of {len(start)} matrices moved")
        # What is listened to between steps is not part of a step.
        foretold = replace(need, listening=0).total
        print(
            f"peak memory {peak_bytes() / 1e9:.2f} GB, foretold {foretold / 1e9:.2f} GB "
            f"({foretold / peak_bytes():.2f} x); before the step {resident / 1e9:.2f} GB "
            f"(peak then {before / 1e9:.2f} GB)"
        )


if __name__ == "__main__":
    main()
