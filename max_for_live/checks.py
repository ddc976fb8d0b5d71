"""What must be true of a built device: each check is a list of what is wrong with it."""

from collections.abc import Callable, Mapping
from typing import Final

from max_for_live.decode import Device
from max_for_live.parameter_checks import annotation_faults, parameter_faults
from max_for_live.patch_checks import (
    cord_faults,
    loose_faults,
    order_faults,
    path_faults,
    shared_name_faults,
    thread_faults,
)
from max_for_live.presentation_checks import edit_view_faults, presentation_faults
from max_for_live.protocol_checks import protocol_faults

CHECKS: Final[Mapping[str, Callable[[Device], list[str]]]] = {
    "cords": cord_faults,
    "order": order_faults,
    "loose ends": loose_faults,
    "shared names": shared_name_faults,
    "parameters": parameter_faults,
    "annotations": annotation_faults,
    "presentation": presentation_faults,
    "edit view": edit_view_faults,
    "paths": path_faults,
    "threads": thread_faults,
    "protocol": protocol_faults,
}
