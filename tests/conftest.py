"""
The stage tests run on the project in this repository, or on any other: `--project notebooks/workspace`.
"""

import contextlib
import os
import re
import sys
import warnings
from pathlib import Path

import pytest
from stage import StoodStill, Unmet, explain, find_forgotten_await
from stage.code import closest, read_code, stage_of
from stage.errors import UnmetIn
from stage.silence import explain_silence
from stage.slips import find_open_gap, find_slips
from stage.watch import Watch

REPOSITORY = Path(__file__).resolve().parent.parent


def pytest_addoption(parser):
    parser.addoption(
        "--project", type=Path, default=REPOSITORY, help="the folder whose manage.py, tutorial/ and chat/ are tested"
    )


def pytest_ignore_collect(collection_path, config):
    # What ships has nothing of these stages: they are tested in a student's project, and in the lesson's of each.
    beside = re.fullmatch(r"test_(2b|1\d)_\w+\.py", collection_path.name)
    if beside and config.project == REPOSITORY:
        return True


def pytest_configure(config):
    config.project = config.getoption("--project").resolve()
    # The project's folder first, and this repository's not at all: its tutorial/ must not replace a missing one.
    sys.path[:] = [str(config.project), *(path for path in sys.path if Path(path).resolve() != REPOSITORY)]
    os.environ["DJANGO_SETTINGS_MODULE"] = "tutorial.settings"
    # The stage tests expect the project's defaults, whatever the shell that started them has set.
    for name in ("REDIS_URL", "DJANGO_ALLOWED_HOSTS", "DJANGO_DEBUG", "DJANGO_HTTPS", "DJANGO_SECRET_KEY"):
        os.environ.pop(name, None)
    # With it, each of the hundreds of processes that the tests start would compile the same files again.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item):
    return (yield from _taught(item))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    return (yield from _taught(item))


def _taught(item):
    """Make a stage test fail in words: with the cause where it can be found, with the bare facts where it can't."""
    if not hasattr(item.module, "FILE"):  # not a stage's test
        return (yield)
    project, stage = item.config.project, stage_of(item.nodeid)
    watch = Watch(project)
    # Later there is more code, which it slows down, and silence has other causes than the consumer.
    watched = watch if stage < 6 else contextlib.nullcontext()
    with warnings.catch_warnings(record=True) as warned, watched:
        warnings.simplefilter("always")
        try:
            result, error = (yield), None
        except Exception as raised:
            result, error = None, raised
    for warning in warned:
        warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    forgotten = find_forgotten_await(warned, project)
    if forgotten and not isinstance(error, StoodStill):
        forgotten.sure = True
        raise forgotten from error
    if error is None:
        return result
    code = read_code(project)
    if not isinstance(error, Unmet):
        unmet = explain(error, project, item.obj.__doc__, item.module.FILE)
    else:
        unmet = explain_silence(error, watch, code)
    # An error without a line of the project may come of any gap, everything else of a gap in the file that it names.
    nowhere = not isinstance(error, Unmet) and not unmet.sure
    functions = unmet.functions if isinstance(unmet, UnmetIn) else None
    gap = find_open_gap(code, None if nowhere else unmet.file, functions)
    slips = [*find_slips(code, stage)]
    if gap:  # the student has come as far as the gap: what is above it in its file comes first
        slips.sort(key=lambda slip: slip.file != gap.file or slip.line > gap.line)
        above = sum(slip.file == gap.file and slip.line < gap.line for slip in slips)
        slips.insert(above, gap)
    unmet.slips = [[slip.tell(code), slip.asked, slip.opens or slip.file] for slip in slips]
    raise unmet from error


@pytest.fixture(scope="session")
def django(pytestconfig, tmp_path_factory):
    """Django, set up with the project's settings and a database without tables: nobody has migrated yet."""
    import django
    from django.conf import settings

    settings.DEBUG_PROPAGATE_EXCEPTIONS = True  # Django takes seconds to write its yellow error page
    settings.DATABASES["default"]["NAME"] = tmp_path_factory.mktemp("database") / "db.sqlite3"
    django.setup()
    return django


@pytest.fixture(scope="session")
def migrated(django):
    """A database with the tables of all the project's migrations. No test asks what is left after a power cut."""
    from django.conf import settings
    from django.core.management import call_command

    settings.DATABASES["default"].setdefault("OPTIONS", {})["init_command"] = "PRAGMA synchronous=OFF"
    call_command("migrate", verbosity=0)


@pytest.fixture
def tables(migrated):
    """The tables, empty after each test: for stages that use the database."""
    from django.contrib.contenttypes.models import ContentType
    from django.core.management import call_command
    from django.db import connections

    yield
    call_command("flush", interactive=False, verbosity=0, inhibit_post_migrate=True)
    ContentType.objects.clear_cache()
    connections.close_all()


@pytest.fixture
def quick_passwords(django):
    """Passwords that cost little to check, for stages with accounts."""
    from stage.accounts import quick_passwords

    with quick_passwords():
        yield


@pytest.fixture
def client(django):
    """A browser without JavaScript."""
    from django.test import Client

    return Client(SERVER_NAME="localhost")


@pytest.fixture
def layer(django):
    """The project's channel layer, empty: what one test leaves in it must not reach the next."""
    from channels.layers import channel_layers
    from django.conf import settings

    if "default" not in channel_layers:
        alike = closest("CHANNEL_LAYERS", [name for name in dir(settings) if name != "CHANNEL_LAYERS"])
        keys = ", ".join(map(repr, getattr(settings, "CHANNEL_LAYERS", ())))
        raise Unmet(
            'The settings have no CHANNEL_LAYERS["default"].'
            + (f" The keys of CHANNEL_LAYERS are: {keys}." if keys else "")
            + (f" They have {alike}, which Channels doesn't know." if alike and not keys else ""),
            'CHANNEL_LAYERS["default"] has the BACKEND channels.layers.InMemoryChannelLayer.',
            "tutorial/settings.py",
        )
    layer = channel_layers.make_backend("default")
    before = channel_layers.set("default", layer)
    yield layer
    channel_layers.set("default", before)


@pytest.fixture
def application(layer):
    """The root ASGI application, as a server finds it."""
    from channels.routing import get_default_application

    return get_default_application()
