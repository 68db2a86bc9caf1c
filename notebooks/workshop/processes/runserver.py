"""
Run `manage.py runserver` in a process that ends with the one that started it.

serve() starts this file with a pipe as its standard input. When the notebook's kernel ends, for whatever reason, the
pipe closes and this process ends too.
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
    """End this process when the pipe closes."""
    # Not sys.stdin: a thread that reads it holds a lock that Python wants when it ends.
    while os.read(0, 1024):
        pass
    os._exit(0)


def profile_into(file):
    """Profile the server from the first line in the pipe until the pipe closes. Then write the profile to the file."""
    from twisted.internet import reactor

    profile = cProfile.Profile()

    def finish():
        profile.disable()
        profile.dump_stats(file)
        os._exit(0)

    sys.stdin.buffer.readline()
    reactor.callFromThread(profile.enable)  # in the server's own thread, since a profile is of one thread
    sys.stdin.buffer.read()
    reactor.callFromThread(finish)


def record(file, names):
    """Record the project's root application and its layer: each step is written to the file."""
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
    """Let other pages show the chat in a frame, as the notebook does. Django forbids it by default."""
    from django.conf import settings

    forbids = "django.middleware.clickjacking.XFrameOptionsMiddleware"
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if name != forbids]


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tutorial.settings")
    if "WORKSHOP_PROFILE" in os.environ:
        import daphne.server  # noqa: F401, it has to choose the reactor before a thread asks for one

        threading.Thread(target=profile_into, args=[os.environ["WORKSHOP_PROFILE"]], daemon=True).start()
    else:
        threading.Thread(target=end_with_parent, daemon=True).start()
    allow_frames()
    if "WORKSHOP_RECORDING" in os.environ:
        sys.path.append(str(Path(__file__).parents[2]))
        record(os.environ["WORKSHOP_RECORDING"], json.loads(os.environ["WORKSHOP_NAMES"]))
    sys.argv = ["manage.py", "runserver", "--noreload", *sys.argv[1:]]
    runpy.run_path("manage.py", run_name="__main__")
