"""
Run `manage.py runserver` in a process that ends with the one that started it.

serve() starts this file with a pipe as its standard input. It closes when the notebook's kernel is gone, for
whatever reason, and then this process goes too.
"""

import cProfile
import importlib
import json
import os
import runpy
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path.cwd()))


def end_with_parent():
    sys.stdin.buffer.read()
    os._exit(0)


def profile_into(file):
    """Profile the server from the first line in the pipe on, and write what was found when the pipe closes."""
    from twisted.internet import reactor

    profile = cProfile.Profile()

    def finish():
        profile.disable()
        profile.dump_stats(file)
        os._exit(0)

    sys.stdin.buffer.readline()
    reactor.callFromThread(profile.enable)  # in the thread of the server, which is the one to look at
    sys.stdin.buffer.read()
    reactor.callFromThread(finish)


def record(file, names):
    """Wrap the project's root application and its layer, so that every step is written to a file."""
    import django

    django.setup()
    from django.conf import settings

    from workshop.recording import Recording

    module, name = settings.ASGI_APPLICATION.rsplit(".", 1)
    module = importlib.import_module(module)
    recording = Recording(*names)
    recording.file = file
    setattr(module, name, recording.start(getattr(module, name)))


def allow_frames():
    """Django forbids other pages to frame its own. The notebook shows the chat in frames, so here they may."""
    from django.conf import settings

    forbids = "django.middleware.clickjacking.XFrameOptionsMiddleware"
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if name != forbids]


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tutorial.settings")
    if "WORKSHOP_PROFILE" in os.environ:
        import daphne.server  # noqa: F401, it chooses the reactor, before a thread asks for one

        threading.Thread(target=profile_into, args=[os.environ["WORKSHOP_PROFILE"]], daemon=True).start()
    else:
        threading.Thread(target=end_with_parent, daemon=True).start()
    allow_frames()
    if "WORKSHOP_RECORDING" in os.environ:
        sys.path.append(str(Path(__file__).parents[2]))
        record(os.environ["WORKSHOP_RECORDING"], json.loads(os.environ["WORKSHOP_NAMES"]))
    sys.argv = ["manage.py", "runserver", "--noreload", *sys.argv[1:]]
    runpy.run_path("manage.py", run_name="__main__")
