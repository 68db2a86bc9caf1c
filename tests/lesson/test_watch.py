"""What a Watch tells of a project's functions: which were called, how each ended, and what it caught."""

import asyncio
import importlib.util
import sys
import threading

import pytest
from stage.watch import Watch

TALK = """
import json


def greet(name):
    return f"hello, {name}"


def leave():
    pass


def read(text):
    return json.loads(text)["message"]


def receive(text):
    try:
        return read(text)
    except KeyError:
        pass


async def wait(begun, end):
    begun.set()
    await end.wait()
    return "over"
"""


@pytest.fixture(autouse=True)
def untraced():
    """Set no tracer meanwhile, as a debugger or a coverage tool does."""
    before = sys.gettrace()
    sys.settrace(None)
    yield
    sys.settrace(before)


@pytest.fixture
def talk(tmp_path):
    """A project's module chat/talk.py, imported by its path."""
    path = tmp_path / "chat" / "talk.py"
    path.parent.mkdir()
    path.write_text(TALK, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("talk", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def line_of(text):
    return TALK.splitlines().index(text) + 1


def test_it_tells_what_each_function_returned(talk, tmp_path):
    with Watch(tmp_path) as watch:
        talk.greet("Alice")
        talk.leave()
    assert watch.functions() == {("chat/talk.py", "greet"), ("chat/talk.py", "leave")}
    assert [(call.name, call.ended, call.returned, call.raised) for call in watch.calls] == [
        ("greet", True, "'hello, Alice'", None),
        ("leave", True, None, None),
    ]


def test_it_tells_who_raised_an_error_and_who_caught_it(talk, tmp_path):
    with Watch(tmp_path) as watch:
        talk.receive("{}")
    (receive,), (read,) = watch.of("receive"), watch.of("read")
    assert isinstance(read.raised, KeyError) and not read.ended and not read.caught
    assert read.line == line_of('    return json.loads(text)["message"]')
    assert receive.caught == [(read.raised, line_of("        return read(text)"))]
    assert receive.ended and receive.returned is None and receive.raised is None


async def test_it_tells_where_a_coroutine_is_still_waiting_and_what_it_returned_in_the_end(talk, tmp_path):
    begun, end = asyncio.Event(), asyncio.Event()
    with Watch(tmp_path) as watch:
        task = asyncio.create_task(talk.wait(begun, end))
        await begun.wait()
        (call,) = watch.calls
        assert (call.ended, call.raised, call.line) == (False, None, line_of("    await end.wait()"))
        end.set()
        await task
    assert watch.calls == [call] and call.ended and call.returned == "'over'"


def test_it_leaves_no_tracer_and_one_inside_another_takes_its_place_for_that_time(talk, tmp_path):
    with Watch(tmp_path) as outer:
        before = sys.gettrace()
        talk.greet("Alice")
        with Watch(tmp_path) as inner:
            talk.greet("Bob")
        assert sys.gettrace() == before
        talk.greet("Carol")
    assert sys.gettrace() is None and threading.gettrace() is None
    talk.greet("Dave")
    assert [call.returned for call in inner.calls] == ["'hello, Bob'"]
    assert [call.returned for call in outer.calls] == ["'hello, Alice'", "'hello, Carol'"]


def test_it_watches_nothing_where_another_tracer_is_set(talk, tmp_path):
    traced = []

    def tracer(frame, event, argument):
        traced.append(frame.f_code.co_name)

    sys.settrace(tracer)
    try:
        with Watch(tmp_path) as watch:
            talk.greet("Alice")
        after = sys.gettrace()
    finally:
        sys.settrace(None)
    assert watch.calls == []
    assert after is tracer and "greet" in traced
