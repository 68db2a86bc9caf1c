"""
Slips: what can be seen in the student's files without running them, and is wrong whatever else is.

Each is a fact of its own, true even where another fault is the reason for a red test.
"""

import functools

from stage.code import FILES
from stage.slips.application import slips_in_the_application
from stage.slips.calls import FUNCTION_FIRST, cannot_await, slips_in_calls
from stage.slips.consumer import slips_in_the_consumer
from stage.slips.gaps import find_open_gap
from stage.slips.lines import slips_in_lines
from stage.slips.names import slips_in_names
from stage.slips.routes import slips_in_routes
from stage.slips.settings import slips_in_settings, slips_in_the_settings_name
from stage.slips.slip import CONSUMER, Slip

__all__ = ["FUNCTION_FIRST", "Slip", "cannot_await", "find_open_gap", "find_slips"]


@functools.cache
def find_slips(code, stage):
    """Return the slips in the files that the stages up to this one ask for."""
    slips = []
    for file in code.files:
        if FILES.get(file, 6) > stage:
            continue
        slips += slips_in_names(code, file, stage)
        if file in ("manage.py", "tutorial/asgi.py"):
            slips += slips_in_the_settings_name(code, file)
        if file == "tutorial/settings.py":
            slips += slips_in_settings(code, file)
        if file == CONSUMER:
            slips += slips_in_the_consumer(code, file, stage)
        if file == "tutorial/routing.py":
            slips += slips_in_the_application(code, file)
        if file in ("chat/routing.py", "chat/urls.py", "tutorial/urls.py"):
            slips += slips_in_routes(code, file)
        slips += slips_in_calls(code, file)
        slips += slips_in_lines(code, file)
    return slips
