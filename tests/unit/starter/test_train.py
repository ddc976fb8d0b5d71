import random
from dataclasses import replace

import pytest
import torch

from oneshot_server.pipeline.model import load_model
from oneshot_server.pipeline.model_folder import CARD_FILE, STARTER
from oneshot_server.starter import train as training
from oneshot_server.starter.distil import AGAIN, weights_name
from oneshot_server.starter.distil import Plan as DistilPlan
from oneshot_server.starter.networks import LONGEST_CAPTION, make_tokenizer
from oneshot_server.starter.train import FIRST, SECOND, Plan, Trainer, training_caption

WORDS = ("kick", "short", "dark", "hz_54", "electronic")
PLAN = Plan(steps=10, batch=2)


@pytest.fixture(scope="module")
def latents() -> torch.Tensor:
    return torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(1))


def trainer(latents: torch.Tensor) -> Trainer:
    return Trainer(PLAN, make_tokenizer(WORDS), latents)


def weights(of: Trainer) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in of.networks.parameters()])


def test_a_resumed_run_is_the_unbroken_one(latents, tmp_path):
    unbroken = trainer(latents)
    for _ in range(3):
        unbroken.train_step(latents, ["kick", "kick short"])
    broken = trainer(latents)
    broken.train_step(latents, ["kick", "kick short"])
    broken.save(tmp_path / "checkpoint.pt")
    resumed = trainer(latents)
    resumed.resume(tmp_path / "checkpoint.pt")
    for _ in range(2):
        resumed.train_step(latents, ["kick", "kick short"])
    assert resumed.step == 3
    assert resumed.losses == pytest.approx(unbroken.losses, rel=1e-4)
    assert torch.allclose(weights(resumed), weights(unbroken), atol=1e-5)


def test_the_average_follows_the_weights(latents):
    learner = trainer(latents)
    first = torch.cat([p.flatten() for p in learner.average.parameters()])
    learner.train_step(latents, ["kick", "kick"])
    assert not torch.equal(first, torch.cat([p.flatten() for p in learner.average.parameters()]))


def test_a_tokenizer_has_a_token_for_each_word():
    tokenizer = make_tokenizer(WORDS)
    ids = tokenizer("kick short").input_ids
    assert len(ids) == 4
    assert tokenizer.pad_token_id not in ids


def test_training_captions_keep_the_class_and_only_leave_words_out():
    draw = random.Random(1)
    said = [training_caption(WORDS, draw) for _ in range(2000)]
    empty = sum(not caption for caption in said)
    bare = sum(caption == "kick" for caption in said)
    assert 120 < empty < 280
    assert 120 < bare < 320
    for caption in filter(None, said):
        words = caption.split()
        assert "kick" in words
        assert set(words) <= set(WORDS)
        assert len(words) <= LONGEST_CAPTION - 2


def test_a_trained_model_is_gone_on_from_and_its_words_keep_their_embeddings():
    model = load_model(STARTER, torch.device("cpu"), distilled=False)
    words = ("wobbly", *WORDS)
    learner = Trainer(PLAN, make_tokenizer(words), torch.zeros(1, *model.latent_shape))
    fresh = embeddings(learner.networks)["wobbly"].clone()
    learner.start_from(model)
    theirs = model.text_encoder.get_input_embeddings().weight
    for networks in (learner.networks, learner.average):
        for word, row in embeddings(networks, words).items():
            known = model.tokenizer.get_vocab().get(word)
            torch.testing.assert_close(row, fresh if known is None else theirs[known])
        for part in ("unet", "text_encoder"):
            ours = dict(networks[part].named_parameters())
            for name, value in getattr(model, part).named_parameters():
                if value is not theirs:
                    torch.testing.assert_close(ours[name].detach(), value)


@torch.no_grad()
def test_channels_that_a_model_has_not_change_nothing_of_what_it_paints():
    model = load_model(STARTER, torch.device("cpu"), distilled=False)
    channels, rows, columns = model.latent_shape
    learner = Trainer(PLAN, make_tokenizer(WORDS), torch.zeros(1, channels + 4, rows, columns))
    learner.start_from(model)
    latents = torch.randn(2, channels + 4, rows, columns)
    told = torch.randn(2, 4, 256)
    painted = learner.networks["unet"](latents, 500, told).sample
    known = model.unet(latents[:, :channels], 500, told).sample
    torch.testing.assert_close(painted[:, :channels], known, atol=1e-4, rtol=1e-4)
    assert not painted[:, channels:].any()


def embeddings(networks, words=("wobbly", *WORDS)):
    vocabulary = make_tokenizer(words).get_vocab()
    rows = networks["text_encoder"].get_input_embeddings().weight.detach()
    return {word: rows[vocabulary[word]] for word in words}


@pytest.fixture
def runs(monkeypatch, tmp_path):
    """The stages that a command line asks for, without doing them."""
    done = []

    def train(_data, work, out, plan, start=None):
        out.mkdir(parents=True, exist_ok=True)
        (out / CARD_FILE).touch()
        (out / "unet").mkdir(exist_ok=True)
        (out / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"weights")
        done.append((out.relative_to(tmp_path).as_posix(), plan, start))

    def run(*arguments):
        done.clear()
        folders = ["--data", "x", "--work", str(tmp_path / "work"), "--out", str(tmp_path / "out")]
        monkeypatch.setattr("sys.argv", ["train", *folders, *arguments])
        training.main()
        return done

    monkeypatch.setattr(training, "train", train)
    monkeypatch.setattr(
        training, "distil", lambda out, *told: done.append(("distil", out, *told[1:]))
    )
    return run


def test_one_command_goes_from_zero_through_both_stages_to_distilling(runs, tmp_path):
    first = ("work/first", FIRST, None)
    begun = runs()
    seed = int(weights_name(tmp_path / "work" / "first"), 16)
    second = ("out", replace(SECOND, seed=seed), tmp_path / "work" / "first")
    assert begun == [first, second, ("distil", tmp_path / "out", DistilPlan())]
    assert runs()[0] == second  # the first stage is there
    further = replace(SECOND, steps=7, seed=int(weights_name(STARTER), 16))
    assert runs("--from", str(STARTER), "--steps", "7") == [
        ("out", further, STARTER),
        ("distil", tmp_path / "out", AGAIN, STARTER),
    ]


def test_a_folder_without_a_model_is_no_start(runs, capsys, tmp_path):
    with pytest.raises(SystemExit):
        runs("--from", str(tmp_path))
    assert f"--from = {tmp_path}, expected a model folder" in capsys.readouterr().err


def test_what_is_begun_from_is_not_overwritten(runs, capsys):
    with pytest.raises(SystemExit):
        runs("--from", str(STARTER), "--out", str(STARTER))
    assert "expected another folder than --from" in capsys.readouterr().err
