"""
Imports go one way: tests, workshop, tutorial, chat. And the chat runs without the packages that it doesn't need.
"""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from running import REPOSITORY, hear, say
from test_errors import BROKEN, SECRET

WORKSHOP = REPOSITORY / "notebooks" / "workshop"
TESTS = {"tests", "pytest", *(path.stem for path in (REPOSITORY / "tests").rglob("*.py"))}
SERVERS_AND_REDIS = {"autobahn", "daphne", "twisted", "uvicorn", "redis", "channels_redis"}
MAY_NOT = {  # folder: the packages from which its modules may import nothing
    REPOSITORY / "chat": {*SERVERS_AND_REDIS, "tutorial", "workshop", *TESTS},
    REPOSITORY / "tutorial": {"workshop", *TESTS},
    WORKSHOP: TESTS,
}
# This one is a plugin of pytest.
EXCEPTIONS = {WORKSHOP / "processes" / "report.py": {"pytest"}}
MODULES = [path for folder in MAY_NOT for path in folder.rglob("*.py")]


def imports(path):
    """Yield (line, first part of the name) for each import, anywhere in a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name.partition(".")[0]
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, path.parent.name if node.level else node.module.partition(".")[0]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_imports_go_one_way(path):
    (folder,) = (folder for folder in MAY_NOT if path.is_relative_to(folder))
    wrong = MAY_NOT[folder] - EXCEPTIONS.get(path, set())
    found = [f"line {line}: {name}" for line, name in imports(path) if name in wrong]
    assert not found, f"{path.relative_to(REPOSITORY)} imports what it may not: {found}"


# The rooms of the workshop, from the ground up: each is built on those before it.
ROOMS = ["errors", "drawing", "lesson", "recording", "processes", "verbs", "measuring", "classroom"]


@pytest.mark.parametrize("room", ROOMS)
def test_the_workshops_rooms_are_built_on_those_before_them(room):
    above = ROOMS[ROOMS.index(room) + 1 :]
    for path in [*(WORKSHOP / room).rglob("*.py"), *WORKSHOP.glob(f"{room}.py")]:
        for line in path.read_text(encoding="utf-8").splitlines():
            imported = re.match(r" *from workshop(?:\.(\w+)\S*)? import ([\w, ]+)", line)
            rooms = {imported[1]} if imported and imported[1] else set(imported[2].split(", ")) if imported else set()
            assert not rooms & set(above), f"{path.relative_to(WORKSHOP)} imports from above: {line.strip()}"


def test_the_workshop_has_no_other_rooms():
    found = {path.name for path in WORKSHOP.iterdir() if path.name != "__pycache__"}
    assert {name.removesuffix(".py") for name in found} == {*ROOMS, "__init__", "__main__"}


def test_these_are_all_the_modules_there_are():
    """Otherwise, after a folder has moved, the tests would find nothing and pass."""
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
assert not found, f"tried to import: {found}"
assert not names & {name.partition(".")[0] for name in sys.modules}
for name in names:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        continue
    raise AssertionError(f"{name} can be imported, so this proves nothing")
"""


def test_the_app_can_be_imported_without_a_server_redis_or_a_project():
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
    """Environment variables for a process that finds no Redis packages."""
    environment = {"PYTHONPATH": str(Path(__file__).parent / "without_redis")}
    for name in ("redis", "channels_redis"):
        command = [sys.executable, "-c", f"import {name}"]
        asked = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", timeout=60)
        assert f"No module named '{name}'" in asked.stderr, "It can be imported, so this test would prove nothing."
    return environment


async def test_people_can_chat_where_redis_and_its_layer_are_not_installed(serve, without_redis):
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


def test_errors_are_the_same_with_and_without_redis(watch, without_redis):
    """Python evaluates `except RedisError` when something is raised, so the name has to exist."""
    server = watch(("chat/consumers.py", *BROKEN["receive"]), **without_redis)
    alice = server.join("lobby")
    alice.say("seven")
    assert alice.hear_the_rest() == []
    assert alice.close_code == 1011
    server.until_left()
    assert f"ValueError: {SECRET}" in server.log()
    assert "NameError" not in server.log()
