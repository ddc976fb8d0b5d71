"""Check of the device: what the model is rendered on, and whether its memory suffices."""

from typing import Final

from oneshot_server.cli.check import Check, failure, ok, warning
from oneshot_server.cli.python_checks import first_line
from oneshot_server.errors import OneshotError
from oneshot_server.library.home import Home
from oneshot_server.settings import Settings

SMALLER: Final = "a smaller engine.max_batch needs less; so does closing what else uses the memory"
MAC: Final = (
    "macOS lets one program have a part of the memory. PYTORCH_MPS_HIGH_WATERMARK_RATIO=0.0 before "
    "oneshot serve takes that limit away: then it may use all of it, and a Mac that has too little "
    "becomes slow, or ends programs"
)


def check_device(home: Home, settings: Settings) -> Check:
    """How the model would be held now; another program may have the memory later."""
    try:
        from oneshot_server.pipeline.device import choose_device, measure
        from oneshot_server.pipeline.device_plan import GIB, plan_device
        from oneshot_server.pipeline.model_folder import find_model, read_card
        from oneshot_server.pipeline.model_size import model_size

        engine = settings.engine
        device = choose_device(engine.device)
        folder = find_model(engine.model, home.models)
        size = model_size(folder, read_card(folder))
        machine = measure(device, size)
        plan = plan_device(machine, size, setting=engine.precision, max_batch=engine.max_batch)
    except OneshotError as error:
        return failure("device", str(error), "change engine.device or engine.model in config.toml")
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        return failure("device", f"cannot be asked: {first_line(error)}", "see torch, above")
    text = f"{device}: {machine.free_bytes / GIB:.1f} GiB free; {plan.describe()}"
    if plan.fits and not plan.offload and plan.max_batch == engine.max_batch:
        return ok("device", text)
    advice = f"{SMALLER}. {MAC}" if device.type == "mps" else SMALLER
    if not plan.fits and device.type == "cuda" and engine.device == "auto":
        advice = f"the CPU will be used; {advice}"
    return warning("device", text, advice)
