"""What the codec loses, by how many components it keeps: ``python -m benchmarks.codec``.

Codecs are fitted to the starter's training set. Recordings, most of them of kits that are not in
it, go through mel, codec and inversion and back; beside them the same without a codec. error: mean
absolute, dB; of all frames, and of the first 32, which are the attack. named: by the classifiers of
``benchmarks.quality``, mean of its classes.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from benchmarks.quality.judge import Judge
from benchmarks.quality.sounds import finished, measure, recordings, some_recordings
from oneshot_server.dsp.image import image_to_mel, mel_to_image
from oneshot_server.dsp.inversion import mel_to_waveform
from oneshot_server.dsp.mel import waveform_to_mel
from oneshot_server.pipeline.decoding import faint_to_floor
from oneshot_server.pipeline.patch_codec import PatchCodec
from oneshot_server.starter.dataset import load_waveform
from oneshot_server.starter.train import PROFILE, prepare_data

COMPONENTS = (8, 12, 16, 24, 32)
ATTACK_FRAMES = 32


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/base_train"))
    parser.add_argument("--work", type=Path, default=Path(".work/starter"), help="of the training")
    arguments = parser.parse_args()
    judge = Judge.of(recordings(arguments.data, PROFILE))
    chosen = some_recordings(arguments.data)
    labels = [label for _, label in chosen]
    waveforms = torch.stack([load_waveform(one.path, PROFILE) for one, _ in chosen])
    images = mel_to_image(waveform_to_mel(waveforms, PROFILE), PROFILE, 1)
    arguments.work.mkdir(parents=True, exist_ok=True)
    trained = prepare_data(arguments.data, arguments.work).images.float()
    print(f"{'components':>12} {'error':>8} {'attack':>8} {'named':>6}")

    def tell(name: str, through: Callable[[torch.Tensor], torch.Tensor]) -> None:
        painted = through(images)
        errors = (painted - images).abs() * (PROFILE.range_db / 2)
        mels = faint_to_floor(image_to_mel(painted, PROFILE), PROFILE.range_db)
        sounds = measure(
            [finished(one, PROFILE) for one in mel_to_waveform(mels, PROFILE)], labels, PROFILE
        )
        named = judge.named(sounds)
        mean = np.mean([named[sounds.kinds == kind].mean() for kind in np.unique(sounds.kinds)])
        attack = errors[..., :ATTACK_FRAMES].mean()
        print(f"{name:>12} {errors.mean():5.2f} dB {attack:5.2f} dB {mean:6.2f}", flush=True)

    tell("no codec", lambda images: images)
    for count in COMPONENTS:
        codec = PatchCodec.fit(trained, latent_channels=count)
        tell(
            str(count),
            lambda images, codec=codec: (
                codec.decode(  # type: ignore[misc]
                    codec.encode(images).latent_dist.mean
                ).sample
            ),
        )


if __name__ == "__main__":
    main()
