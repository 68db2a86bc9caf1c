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

HOURS = 24 * 60 * 60  # seconds: as long as any class
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

    from workshop.recording import Recording

    recording = Recording(*names)
    recording.file = file
    replace_application(recording.start)


def replace_application(wrap):
    """Put what wrap() returns for the project's root application in its place."""
    from django.conf import settings

    module, name = settings.ASGI_APPLICATION.rsplit(".", 1)
    module = importlib.import_module(module)
    setattr(module, name, wrap(getattr(module, name)))


def play_live(port, token, hosts):
    """
    Serve a class: for pages under these host names, without yellow error pages, and tell live what happens.

    Return the options that runserver needs for it.
    """
    import asyncio
    import functools

    import daphne.management.commands.runserver
    import django
    from django.conf import settings
    from twisted.internet import reactor

    django.setup()
    settings.DEBUG = False
    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, "localhost", "127.0.0.1", *hosts]
    # A consumer that is stopped before accept() would otherwise be too late after some seconds.
    command = daphne.management.commands.runserver.Command
    command.server_cls = functools.partial(command.server_cls, websocket_connect_timeout=HOURS)

    from workshop.recording.live import Live

    live = Live()
    replace_application(live.start)

    def tell():
        # A callback that raises is in the log, a task that does might not be.
        asyncio.ensure_future(live.tell(port, token)).add_done_callback(lambda task: task.result())

    reactor.callLater(0, tell)
    return ["--websocket_handshake_timeout", str(HOURS)]


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
    options = []
    if "WORKSHOP_LIVE" in os.environ:
        sys.path.append(str(Path(__file__).parents[2]))
        options = play_live(**json.loads(os.environ["WORKSHOP_LIVE"]))
    else:
        allow_frames()
    if "WORKSHOP_RECORDING" in os.environ:
        sys.path.append(str(Path(__file__).parents[2]))
        record(os.environ["WORKSHOP_RECORDING"], json.loads(os.environ["WORKSHOP_NAMES"]))
    sys.argv = ["manage.py", "runserver", "--noreload", *options, *sys.argv[1:]]
    runpy.run_path("manage.py", run_name="__main__")
