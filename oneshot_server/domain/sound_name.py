"""The template that the names of sounds are made by."""

import re
from typing import Final

DEFAULT_TEMPLATE: Final = "{words}_{seed}"
TEMPLATE_PATTERN: Final = r'^(\{(class|words|key|seed)\}|[^/\\:*?"<>|{}\x00-\x1f\x7f])+$'
"""Fields, and what every system can have in a file's name."""

FIELD: Final = re.compile(r"\{(class|words|key|seed)\}")
