"""A browser without a screen."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

PATIENCE_SECONDS: Final = 30
OPTIONS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--mute-audio",
)
FOUND: Final = shutil.which("chromium") is not None and shutil.which("chromedriver") is not None
needs_chromium: Final = pytest.mark.skipif(
    not FOUND, reason="chromium or chromedriver is not installed; .ci/run installs them"
)


@contextmanager
def chromium(folder: Path, width: int = 1280, height: int = 720) -> Iterator[Any]:
    """Selenium's driver of a browser whose profile is in a folder."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for option in (*OPTIONS, f"--user-data-dir={folder}", f"--window-size={width},{height}"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    try:
        driver.set_script_timeout(2 * PATIENCE_SECONDS)
        resize(driver, width, height)
        yield driver
    finally:
        driver.quit()


def resize(driver: Any, width: int, height: int) -> None:
    """Let the page itself, without the window's frame, be so large."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 760}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": width < 760})
