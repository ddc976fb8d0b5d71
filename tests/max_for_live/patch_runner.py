"""Runs a decoded patch without Max: messages go through its objects as Max's reference says.

Objects that end the way (controls, script, network, buffers) keep what they got; the test says what
comes out of them. Outlets fire from right to left.
"""

from collections import defaultdict

from max_for_live.decode import Device
from max_for_live.reading import class_of

Atoms = list
BANG = ["bang"]


class PatchRunner:
    """A patch at work.

    Attributes:
        got: in order, each message that reached an end: its name and the message.
    """

    def __init__(self, device: Device) -> None:
        self._boxes = {box["id"]: box for box in device.boxes}
        self._cords = defaultdict(list)
        for source, outlet, destination, inlet in device.cords:
            self._cords[source, outlet].append((destination, inlet))
        self._stored = defaultdict(dict)
        self.got: list[tuple[str, Atoms]] = []

    def out_of(self, name: str, outlet: int, *message: object) -> list[tuple[str, Atoms]]:
        """Let a message come out of an object; returns what reached an end because of it."""
        before = len(self.got)
        self._emit(self._find(name), outlet, list(message))
        return self.got[before:]

    def _find(self, name: str) -> str:
        return next(
            key
            for key, box in self._boxes.items()
            if name in (box.get("varname"), box.get("text"), class_of(box))
        )

    def _emit(self, box: str, outlet: int, message: Atoms) -> None:
        for destination, inlet in self._cords[box, outlet]:
            self._take(destination, inlet, message)

    def _take(self, key: str, inlet: int, message: Atoms) -> None:
        box = self._boxes[key]
        kind = class_of(box)
        arguments = [_atom(word) for word in str(box.get("text", "")).split()[1:]]
        deed = getattr(self, "_" + _NAMES.get(kind, kind), None)
        if box["maxclass"] in ("newobj", "message") and deed is not None:
            deed(key, inlet, message, arguments)
            return
        self.got.append((str(box.get("varname", kind)), message))
        self._answer(key, kind, message)

    def _answer(self, key: str, kind: str, message: Atoms) -> None:
        """What a control says when it is asked for its value."""
        box = self._boxes[key]
        if kind == "textedit" and message == BANG:
            self._emit(key, 0, ["text", box["text"]])
        elif message == ["outputvalue"] or (kind == "pattr" and message == BANG):
            value = box["saved_attribute_attributes"]["valueof"].get("parameter_initial", [0])[0]
            is_button = kind == "live.text" and box["mode"] == 0
            self._emit(key, 0, BANG if is_button else [value])

    def _message(self, key: str, inlet: int, message: Atoms, arguments: Atoms) -> None:
        self._emit(key, 0, [_atom(word) for word in self._boxes[key]["text"].split()])

    def _prepend(self, key: str, inlet: int, message: Atoms, arguments: Atoms) -> None:
        self._emit(key, 0, arguments + message)

    def _route(self, key: str, inlet: int, message: Atoms, arguments: Atoms) -> None:
        if message[0] in arguments:
            self._emit(key, arguments.index(message[0]), message[1:] or BANG)
        else:
            self._emit(key, len(arguments), message)

    def _sel(self, key: str, inlet: int, message: Atoms, arguments: Atoms) -> None:
        if message[0] in arguments:
            self._emit(key, arguments.index(message[0]), BANG)
        else:
            self._emit(key, len(arguments), message)

    def _trigger(self, key: str, inlet: int, message: Atoms, arguments: Atoms) -> None:
        for outlet in reversed(range(len(arguments))):
            sent = {"b": BANG, "i": message[:1], "l": message}[arguments[outlet]]
            self._emit(key, outlet, sent)

    def _send(self, key: str, inlet: int, message: Atoms, arguments: Atoms) -> None:
        for other, box in self._boxes.items():
            if class_of(box) == "r" and box["text"].split()[1] == arguments[0]:
                self._emit(other, 0, message)

    def _gate(self, key: str, inlet: int, message: Atoms, arguments: Atoms) -> None:
        if inlet == 0:
            self._stored[key]["open"] = message[0] != 0
        elif self._stored[key].get("open"):
            self._emit(key, 0, message)

    def _expr(self, key: str, inlet: int, message: Atoms, arguments: Atoms) -> None:
        self._stored[key][inlet] = message[0]
        if inlet == 0:
            text = self._boxes[key]["text"].removeprefix("expr ").replace("||", "or")
            for number in range(1, 10):
                text = text.replace(f"$i{number}", str(int(self._stored[key].get(number - 1, 0))))
            self._emit(key, 0, [int(bool(eval(text)))])

    def _minus(self, key: str, inlet: int, message: Atoms, arguments: Atoms) -> None:
        if inlet == 1:
            self._stored[key][1] = message[0]
        else:
            self._emit(key, 0, [message[0] - self._stored[key].get(1, arguments[0])])

    def _split(self, key: str, inlet: int, message: Atoms, arguments: Atoms) -> None:
        low, high = arguments
        self._emit(key, 0 if low <= message[0] <= high else 1, message)

    def _pack(self, key: str, inlet: int, message: Atoms, arguments: Atoms) -> None:
        values = self._stored[key].setdefault("values", list(arguments))
        values[inlet] = message[0]
        if inlet == 0:
            self._emit(key, 0, list(values))

    def _unpack(self, key: str, inlet: int, message: Atoms, arguments: Atoms) -> None:
        for outlet in reversed(range(len(arguments))):
            self._emit(key, outlet, [message[outlet]])

    def _stripnote(self, key: str, inlet: int, message: Atoms, arguments: Atoms) -> None:
        if inlet == 1:
            self._stored[key][1] = message[0]
        elif self._stored[key].get(1):
            self._emit(key, 1, [self._stored[key][1]])
            self._emit(key, 0, message)


_NAMES = {"t": "trigger", "s": "send", "-": "minus"}


def _atom(word: str) -> object:
    return int(word) if word.lstrip("-").isdigit() else word
