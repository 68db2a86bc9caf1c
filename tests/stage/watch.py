"""What the project's own functions did during a test: which were called, how each ended, what they caught."""

import dis
import sys
import threading
import types
from dataclasses import dataclass, field

from stage.code import shorten

ENDS = {"RETURN_VALUE", "RETURN_CONST"}
COROUTINE = 0x80 | 0x20 | 0x200  # inspect.CO_COROUTINE, CO_GENERATOR, CO_ASYNC_GENERATOR


@dataclass
class Call:
    """One call of one of the project's functions."""

    name: str
    file: str  # as in "chat/consumers.py"
    frame: types.FrameType | None = field(repr=False)  # None as soon as it is over
    line: int  # where it is now, or where it ended
    returned: str | None = None  # as repr() shows it, or None if it returned None
    ended: bool = False
    raised: BaseException | None = None
    caught: list = field(default_factory=list)  # (error, line number) of each that it caught


class Watch:
    """
    Watches the project's functions during a `with` statement. Afterwards `calls` has each call, in order.

    It uses sys.settrace(), for the project's own frames only. Where a debugger or a coverage tool traces already, it
    watches nothing. One Watch inside another takes its place for that time.
    """

    def __init__(self, project):
        self.folders = tuple(f"{project}{separator}" for separator in ("/", "\\"))
        self.calls, self._by_frame = [], {}

    def __enter__(self):
        self.before = sys.gettrace()
        self.free = self.before is None or isinstance(getattr(self.before, "__self__", None), Watch)
        if self.free:
            sys.settrace(self._trace)
            threading.settrace(self._trace)
        return self

    def __exit__(self, *error):
        if self.free:
            sys.settrace(self.before)
            threading.settrace(self.before)

    def functions(self):
        """Return {(file, name)} of the functions that ran."""
        return {(call.file, call.name) for call in self.calls}

    def of(self, name):
        """Return the calls of the functions with this name."""
        return [call for call in self.calls if call.name == name]

    def _trace(self, frame, event, argument):
        name = frame.f_code.co_filename
        if not name.startswith(self.folders) or frame.f_code.co_name.startswith("<"):
            return None
        call = self._by_frame.get(id(frame))
        if call is None or call.frame is not frame:
            file = name[len(self.folders[0]) :].replace("\\", "/")
            if file.partition("/")[0] not in ("tutorial", "chat"):
                return None
            call = Call(frame.f_code.co_name, file, frame, frame.f_lineno)
            self._by_frame[id(frame)] = call
            self.calls.append(call)
        return self._trace_within

    def _trace_within(self, frame, event, argument):
        call = self._by_frame[id(frame)]
        if event == "line":
            if call.raised is not None:  # the function goes on, so it has caught it
                call.caught.append((call.raised, call.line))
                call.raised = None
            call.line = frame.f_lineno
        elif event == "exception":
            if not isinstance(argument[1], (StopIteration, GeneratorExit)):
                call.raised, call.line = argument[1], frame.f_lineno
        elif event == "return":
            last = dis.opname[frame.f_code.co_code[frame.f_lasti]]
            if call.raised is None and (not frame.f_code.co_flags & COROUTINE or last in ENDS):
                call.ended, call.returned = True, None if argument is None else shorten(argument)
            if call.ended or call.raised is not None:
                call.frame = None  # nothing here may keep its variables alive
                del self._by_frame[id(frame)]
        return self._trace_within
