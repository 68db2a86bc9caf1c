"""
Imports run one way: tests, workshop, tutorial, chat. And the chat runs without the packages that it can do without.
"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from running import REPOSITORY, hear, say
from test_errors import BROKEN, SECRET

WORKSHOP = REPOSITORY / "notebooks" / "workshop"
TESTS = {"tests", "pytest", *(path.stem for path in (REPOSITORY / "tests").rglob("*.py"))}
SERVERS_AND_REDIS = {"autobahn", "daphne", "twisted", "uvicorn", "redis", "channels_redis"}
MAY_NOT = {  # folder: what its modules import nothing of
    REPOSITORY / "chat": {*SERVERS_AND_REDIS, "tutorial", "workshop", *TESTS},
    REPOSITORY / "tutorial": {"workshop", *TESTS},
    WORKSHOP: TESTS,
}
# The reporter of the lesson's checks is a plugin of pytest's.
EXCEPTIONS = {WORKSHOP / "processes" / "report.py": {"pytest"}}
MODULES = [path for folder in MAY_NOT for path in folder.rglob("*.py")]


def imports(path):
    """Yield (line, the first part of a name) for all that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name.partition(".")[0]
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, path.parent.name if node.level else node.module.partition(".")[0]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_imports_run_one_way(path):
    (folder,) = (folder for folder in MAY_NOT if path.is_relative_to(folder))
    wrong = MAY_NOT[folder] - EXCEPTIONS.get(path, set())
    found = [f"line {line}: {name}" for line, name in imports(path) if name in wrong]
    assert not found, f"{path.relative_to(REPOSITORY)} imports what it may not: {found}"


def test_these_are_all_the_modules_there_are():
    """Else a folder that has moved would be a test that finds nothing wrong."""
    assert {"consumers.py", "rooms.py", "settings.py", "routing.py", "stages.py"} <= {path.name for path in MODULES}
    imported = {name for path in MODULES for _, name in imports(path)}
    assert {"asyncio", "channels", "django", "chat", "tutorial", "workshop", "autobahn", "redis"} <= imported


IMPORT_ALL = """
import importlib, pkgutil, sys

names, found = set(sys.argv[1].split()), []

class Hide:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in names:
            found.append(name)
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Hide)

import django.conf
import chat

django.conf.settings.configure()
for module in pkgutil.walk_packages(chat.__path__, "chat."):
    print(importlib.import_module(module.name).__name__)
assert not found, f"asked for, in vain: {found}"
assert not names & {name.partition(".")[0] for name in sys.modules}
for name in names:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        continue
    raise AssertionError(f"{name} could be imported, so this proves nothing")
"""


def test_the_app_can_be_imported_where_there_is_no_server_and_no_redis_and_no_project():
    hidden = SERVERS_AND_REDIS | {"tutorial", "workshop"}
    ran = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, " ".join(hidden)],
        cwd=REPOSITORY,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    assert {"chat.consumers", "chat.layers", "chat.views"} <= set(ran.stdout.split())


@pytest.fixture
def without_redis():
    """The environment of a process that finds no package of Redis's."""
    environment = {"PYTHONPATH": str(Path(__file__).parent / "without_redis")}
    for name in ("redis", "channels_redis"):
        command = [sys.executable, "-c", f"import {name}"]
        asked = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", timeout=60)
        assert f"No module named '{name}'" in asked.stderr, "It could be imported, so what follows would prove nothing."
    return environment


async def test_people_chat_where_redis_and_its_layer_are_not_installed(serve, without_redis):
    server = serve(**without_redis)
    assert server.get("/chat/lobby/").status == 200
    async with server.enter("lobby") as alice, server.enter("lobby") as bob:
        for text in ("hello", "聊天"):
            await say(alice, text)
            assert await hear(alice) == await hear(bob) == {"message": text}
        await alice.send("not JSON")
        assert "error" in await hear(alice)
    assert await server.refusal("x" * 95) == 403
    server.assert_nothing_broke()


def test_without_redis_an_error_is_what_it_is_with_it(watch, without_redis):
    """`except RedisError` is evaluated when something is raised, and then there has to be such a name."""
    server = watch(("chat/consumers.py", *BROKEN["receive"]), **without_redis)
    alice = server.join("lobby")
    alice.say("seven")
    assert alice.hear_the_rest() == []
    assert alice.close_code == 1011
    server.until_left()
    assert f"ValueError: {SECRET}" in server.log()
    assert "NameError" not in server.log()
