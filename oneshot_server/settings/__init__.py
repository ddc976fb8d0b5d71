"""``config.toml`` as typed settings; the only reader of the environment."""

from oneshot_server.settings.default_file import default_toml
from oneshot_server.settings.environment import home_from_environment, jack_server_from_environment
from oneshot_server.settings.profile_files import find_profile, profile_names, read_profile
from oneshot_server.settings.reader import load_settings, override
from oneshot_server.settings.values import (
    LOOPBACK,
    EngineSettings,
    JobsSettings,
    LogSettings,
    MidiSettings,
    OscSettings,
    PadsSettings,
    SamplesSettings,
    Settings,
    TrainingSettings,
    WebSettings,
)

__all__ = [
    "LOOPBACK",
    "EngineSettings",
    "JobsSettings",
    "LogSettings",
    "MidiSettings",
    "OscSettings",
    "PadsSettings",
    "SamplesSettings",
    "Settings",
    "TrainingSettings",
    "WebSettings",
    "default_toml",
    "find_profile",
    "home_from_environment",
    "jack_server_from_environment",
    "load_settings",
    "override",
    "profile_names",
    "read_profile",
]
