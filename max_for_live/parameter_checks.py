"""What is wrong with the parameters: names, ranges, Push's banks, info texts."""

from typing import Final

from max_for_live.decode import Device
from max_for_live.reading import class_of, name_of, parameter_of, twice

HIGHEST_INT: Final = 255  # of a parameter of that type in Live
EXACT_WHOLE: Final = 2**24  # to here a parameter, 32-bit float, holds every whole number
KNOBS: Final = 8  # of Push


def parameter_faults(device: Device) -> list[str]:
    """Names that stand twice, ranges that Live has not, banks of what is no parameter."""
    parameters = [value for box in device.boxes if (value := parameter_of(box))]
    long_names = [parameter["parameter_longname"] for parameter in parameters]
    faults = [f"{name} is the long name of several parameters" for name in twice(long_names)]
    faults += [
        f"{name} is a name of Max's own making" for name in long_names if "[" in name or not name
    ]
    scripting = [box["varname"] for box in device.boxes if "varname" in box]
    faults += [f"{name} is the scripting name of several boxes" for name in twice(scripting)]
    for parameter in parameters:
        name, kind = parameter["parameter_longname"], parameter["parameter_type"]
        low, high = parameter.get("parameter_mmin", 0), parameter.get("parameter_mmax", 0)
        if kind == 1 and not 0 <= low < high <= HIGHEST_INT:
            faults.append(f"{name} is an int from {low} to {high}, expected 0 to {HIGHEST_INT}")
        if kind == 0 and not -EXACT_WHOLE <= low < high <= EXACT_WHOLE:
            faults.append(f"{name} is a float from {low} to {high}, too far to be exact")
        if kind == 2 and len(parameter["parameter_enum"]) != high + 1:
            faults.append(
                f"{name} has {len(parameter['parameter_enum'])} words, expected {high + 1}"
            )
    visible = {
        parameter["parameter_longname"]
        for parameter in parameters
        if parameter["parameter_invisible"] == 0
    }
    listed = device.patcher["parameters"]
    for bank in listed["parameterbanks"].values():
        faults += [
            f"{name} is in a bank and cannot be automated"
            for name in bank["parameters"]
            if name not in visible | {"-"}
        ]
        if len(bank["parameters"]) != 8:
            faults.append(f"bank {bank['name']} has {len(bank['parameters'])} places, expected 8")
    shown = {value[0] for key, value in listed.items() if key.startswith("obj-")}
    return faults + [
        f"{name} is not in both lists of parameters" for name in shown ^ set(long_names)
    ]


def annotation_faults(device: Device) -> list[str]:
    """Controls without an info text or its headline."""
    return [
        f"{name_of(box)} says nothing in Live's info view"
        for box in device.boxes
        if "varname" in box
        and class_of(box) != "pattr"
        and not (box.get("annotation") and box.get("annotation_name"))
    ]
