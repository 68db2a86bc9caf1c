"""
The workshop as a student meets it, each test on a copy of the lesson: with slips in the files, kernels that die, a
second notebook, a port in use, a notebook that can't be read.
"""

import re
import shutil
import socket
import subprocess
import sys
import textwrap

import pytest
from lesson import CELL_TIMEOUT, copy_lesson, environment, run, started
from waiting import until
from workshop.lesson.files import read_files
from workshop.lesson.stages import FINISHED, stage_before, stages

STAGES = stages()


@pytest.fixture
def lesson(tmp_path):
    return copy_lesson(tmp_path)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A copy of the lesson with the finished project in its workspace, for tests that change no file."""
    lesson = copy_lesson(tmp_path_factory.mktemp("finished"))
    open_stage(lesson, FINISHED)
    return lesson


def before(stage, states):
    """Return the files from which a stage starts."""
    return without_key(states.get(stage_before(stage), {}))


def without_key(files):
    """The files without the SECRET_KEY, which startproject makes anew each time."""
    return {name: re.sub(rb"(?m)^SECRET_KEY = '.*", b"", content) for name, content in files.items()}


def workspace(lesson):
    return read_files(lesson / "notebooks" / "workspace")


def copies(lesson):
    return sorted((lesson / "notebooks").glob("workspace_copies/*/workspace"))


def open_stage(lesson, stage):
    return run(lesson, f"from workshop import open_stage\nopen_stage({stage!r})")


def check(lesson, stage):
    return run(lesson, f"from workshop import check\nprint(check({stage!r}))")


def write(lesson, name, content):
    (lesson / "notebooks" / "workspace" / name).write_bytes(textwrap.dedent(content).encode("utf-8"))


def fails(lesson, code):
    """Run one line after `from workshop import *`. It has to raise a WorkshopError: return its words."""
    return run(
        lesson,
        f"from workshop import *\ntry:\n    {code}\nexcept WorkshopError as error:\n    print(error)\n"
        "else:\n    raise SystemExit('No WorkshopError was raised.')",
    )


def in_jupyter(lesson, *cells):
    """Run these cells as Jupyter does, and return what it shows."""
    lines = ["from IPython.core.interactiveshell import InteractiveShell", "shell = InteractiveShell.instance()"]
    return run(lesson, "\n".join([*lines, *(f"shell.run_cell({cell!r})" for cell in cells)]))


def command(lesson, *arguments, **options):
    """Run `python -m workshop …`. Return its exit code, and what it printed."""
    with started(lesson, "-m", "workshop", *map(str, arguments), **options) as process:
        said, _ = process.communicate(timeout=CELL_TIMEOUT)
        return process.returncode, said


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


# Opening a stage


@pytest.mark.parametrize("stage", STAGES)
def test_anyone_can_start_anywhere(stage, lesson, states):
    said = open_stage(lesson, stage)
    assert f"Stage {stage} is open" in said
    assert without_key(workspace(lesson)) == before(stage, states)


def test_a_students_work_is_moved_aside_to_the_byte_and_the_notebook_says_where(lesson, states):
    open_stage(lesson, 3)
    write(lesson, "chat/consumers.py", "half a consum")
    (lesson / "notebooks" / "workspace" / "notes.txt").write_bytes("任何内容\r\n".encode() + b"\xff\x00")
    work = workspace(lesson)
    said = open_stage(lesson, 5)
    kept = re.search(r"^Your work is kept in (\S+)/$", said, re.MULTILINE)
    assert kept, f"It printed only:\n{said}"
    assert read_files(lesson / kept[1]) == work
    assert without_key(workspace(lesson)) == before(5, states)


def test_each_copy_is_kept_when_work_is_moved_aside_again(lesson):
    for words in ("first", "second"):
        open_stage(lesson, 3)
        write(lesson, "chat/consumers.py", words)
    open_stage(lesson, 3)
    kept = sorted((copy / "chat" / "consumers.py").read_text(encoding="utf-8") for copy in copies(lesson))
    assert kept == ["first", "second"]


def test_a_kernel_that_died_before_it_copied_anything_is_no_trouble(lesson, states):
    (lesson / "notebooks" / "workspace_copies").mkdir()
    said = open_stage(lesson, 3)
    assert said.startswith("Stage 3 is open"), said
    assert without_key(workspace(lesson)) == before(3, states)


def test_without_a_workspace_the_newest_copy_is_named(lesson):
    copies = lesson / "notebooks" / "workspace_copies"
    for name in ("2026-01-31_09-00-00_a", "2026-02-01_09-00-00_b"):
        (copies / name / "workspace").mkdir(parents=True)
    (copies / "2026-03-01_09-00-00_c").mkdir()  # left by a kernel that dies before it moves the work there
    said = open_stage(lesson, 3)
    assert "The last copy of your work is notebooks/workspace_copies/2026-02-01_09-00-00_b/workspace/\n" in said


def test_what_is_just_a_stages_own_is_not_copied(lesson):
    said = "".join(open_stage(lesson, stage) for stage in (3, 3, 6, 2, 2))
    assert "Your work" not in said
    assert not copies(lesson)


def test_the_database_stays_when_another_stage_is_opened(lesson):
    open_stage(lesson, 5)
    (lesson / "notebooks" / "workspace" / "db.sqlite3").write_bytes(b"the teacher's own account")
    open_stage(lesson, 6)
    assert (lesson / "notebooks" / "workspace" / "db.sqlite3").read_bytes() == b"the teacher's own account"


# Python tells an audit hook about each file that is about to be opened, made, moved or deleted. So a process can be
# ended at exactly the n-th of these steps: os._exit is as sudden as a power cut, and works on Windows too.
STEPS = """
import os, sys, tempfile
from workshop import open_stage
from workshop.lesson.files import NOTEBOOKS

CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "open"}
taken = []

def note(event, arguments):
    if event not in CHANGES or not str(arguments[0]).startswith(str(NOTEBOOKS)):
        return
    if event == "open" and not (isinstance(arguments[1], str) and set(arguments[1]) & set("wxa+")):
        return
    taken.append(event)
    if len(taken) == STOP:
        END

sys.dont_write_bytecode = True
sys.addaudithook(note)
open_stage(5)
print(" ".join(taken))
"""


def interrupted(lesson, stop, end):
    """Open stage 5, and do `end` before the step of this number. Return the exit code, and what was said."""
    with started(lesson, "-c", STEPS.replace("STOP", str(stop)).replace("END", end)) as process:
        said, _ = process.communicate(timeout=CELL_TIMEOUT)
    return process.returncode, said


@pytest.fixture(scope="module")
def with_work(tmp_path_factory):
    """A lesson in which stage 3 is open, with a student's work in it: each test changes a copy."""
    lesson = copy_lesson(tmp_path_factory.mktemp("with_work"))
    open_stage(lesson, 3)
    write(lesson, "notes.txt", "my work")
    return lesson


@pytest.fixture(scope="module")
def steps(tmp_path_factory, with_work, states):
    """
    Numbers of steps at which to interrupt: every move of a folder, and some others from the first to the last.

    What the stages leave is remembered by then, in the lesson and in its copies: no step is one of remembering it.
    """
    lesson = shutil.copytree(with_work, tmp_path_factory.mktemp("steps") / "lesson")
    code, said = interrupted(lesson, 0, "pass")
    assert code == 0, said
    taken = said.splitlines()[-1].split()
    moves = [number for number, step in enumerate(taken, start=1) if step == "os.rename"]
    assert len(moves) >= 2, f"The workspace is not changed by moving folders any more. The steps were: {taken}"
    return sorted({*moves, *(move + 1 for move in moves if move < len(taken)), *range(1, len(taken), 9)})


def test_however_it_is_killed_half_way_no_workspace_is_a_mixture_and_no_work_is_lost(
    steps, with_work, tmp_path, states
):
    for stop in steps:
        lesson = shutil.copytree(with_work, tmp_path / str(stop))
        old = workspace(lesson)
        assert interrupted(lesson, stop, "os._exit(9)")[0] == 9
        left = workspace(lesson)
        # No system moves two folders in one step: between the two moves there is no workspace, and the old one
        # is whole in the copies.
        if left:
            assert left == old or without_key(left) == before(5, states), f"Killed before step {stop}: {sorted(left)}"
        assert old in [left, *map(read_files, copies(lesson))], f"Killed before step {stop}, the work is nowhere."
        open_stage(lesson, 5)
        assert without_key(workspace(lesson)) == before(5, states), f"Killed before step {stop}, it can't be opened."


def test_however_its_cell_is_interrupted_the_workspace_is_the_old_one_or_the_new_one(
    steps, with_work, tmp_path, states
):
    for stop in steps:
        lesson = shutil.copytree(with_work, tmp_path / str(stop))
        old = workspace(lesson)
        code, said = interrupted(lesson, stop, "raise KeyboardInterrupt")
        assert code != 0 and "KeyboardInterrupt" in said
        left = workspace(lesson)
        assert left == old or without_key(left) == before(5, states), f"Interrupted before step {stop}: {sorted(left)}"
        assert old in [left, *map(read_files, copies(lesson))], f"Interrupted before step {stop}, the work is nowhere."
        half_done = [path.name for path in (lesson / "notebooks").glob(".workspace-*")]
        assert not half_done, f"Interrupted before step {stop}, it left {half_done} in notebooks/."


def test_a_notebook_that_cant_be_read_is_named_with_how_to_bring_it_back(lesson, states):
    open_stage(lesson, 5)
    notebook = next((lesson / "notebooks").glob("04_*.ipynb"))
    notebook.write_bytes(notebook.read_bytes()[:1000])
    work = workspace(lesson)
    said = fails(lesson, "open_stage(6)")
    assert f"git checkout HEAD -- notebooks/{notebook.name}" in said
    assert workspace(lesson) == work
    open_stage(lesson, 3)
    assert without_key(workspace(lesson)) == before(3, states), "The stages before an unreadable one can't be opened."


@pytest.mark.parametrize("stage", [42, -1, 3.5, "x", None])
@pytest.mark.parametrize("verb", ["open_stage", "check", "difference"])
def test_what_is_no_stage_is_answered_in_a_sentence(verb, stage, finished):
    before = workspace(finished)
    said = in_jupyter(finished, "from workshop import *", f"{verb}({stage!r})")
    assert "There is no notebook for stage" in said
    assert repr(stage) in said
    assert "Traceback" not in said
    assert workspace(finished) == before


@pytest.mark.parametrize("verb", ["open_stage", "check", "difference"])
def test_a_stage_in_quotes_is_taken_for_its_number_or_answered_in_a_sentence(verb, lesson):
    open_stage(lesson, 3)
    said = in_jupyter(lesson, "from workshop import *", f"{verb}('3')")
    assert "Traceback" not in said, f"{verb}('3') shows a student this:\n{said}"


def test_what_the_stages_leave_is_remembered_until_a_notebook_changes(lesson, states):
    memory = lesson / "notebooks" / ".stages"
    open_stage(lesson, 5)
    remembered = sorted(memory.iterdir())
    assert len(remembered) >= 4
    notebook = next((lesson / "notebooks").glob("03_*.ipynb"))
    text = notebook.read_text(encoding="utf-8")
    notebook.write_text(text.replace('group_name = f\\"chat_', 'group_name = f\\"talk_'), encoding="utf-8")
    assert notebook.read_text(encoding="utf-8") != text
    open_stage(lesson, 5)
    assert b'f"talk_' in workspace(lesson)["chat/consumers.py"]
    for path in memory.iterdir():
        path.write_bytes(path.read_bytes()[:100])  # written by a process that was killed
    notebook.write_text(text, encoding="utf-8")
    open_stage(lesson, 5)
    assert without_key(workspace(lesson)) == before(5, states)


# Checking


def test_a_half_written_file_is_named_once_with_its_line(lesson):
    open_stage(lesson, 4)
    write(lesson, "chat/consumers.py", "import json\n\nclass ChatConsumer(:\n    pass\n")
    said = check(lesson, 3)
    assert said.count("in chat/consumers.py, line 3: class ChatConsumer(:") == 1, said
    assert "SyntaxError" in said
    assert "Traceback" not in said


def test_a_missing_file_is_said_to_be_missing(lesson):
    open_stage(lesson, 5)
    (lesson / "notebooks" / "workspace" / "chat" / "routing.py").unlink()
    said = check(lesson, 4)
    assert said.count("There is no chat/routing.py.") == 1, said
    assert "Traceback" not in said


def test_a_consumer_that_raises_is_named_with_its_line(lesson):
    open_stage(lesson, 4)
    path = lesson / "notebooks" / "workspace" / "chat" / "consumers.py"
    lines = path.read_text(encoding="utf-8").splitlines()
    line = next(number for number, text in enumerate(lines, start=1) if "group_send" in text)
    lines[line - 1] = "        raise RuntimeError('the cat walked over the keyboard')"
    path.write_bytes("\n".join(lines).encode("utf-8"))
    said = check(lesson, 3)
    assert "RuntimeError: the cat walked over the keyboard" in said
    assert f"in chat/consumers.py, line {line}: raise RuntimeError" in said
    assert "Traceback" not in said


def test_a_check_says_of_each_test_whether_it_is_green(lesson):
    open_stage(lesson, 3)
    red = check(lesson, 3)
    assert "✔" not in red and "There is no chat/consumers.py." in red
    assert "Asked:" not in red and "Open:" not in red, "Before anything is written, nothing is told of how."
    write(lesson, "chat/consumers.py", "# nothing yet\n")
    assert "Open:  chat/consumers.py" in check(lesson, 3)
    open_stage(lesson, 4)
    green = check(lesson, 3)
    assert "✘" not in green and "✔ What Alice says reaches everyone in the room, including Alice." in green


def test_a_check_of_a_stage_that_is_not_open_says_first_which_one_is(lesson):
    open_stage(lesson, 4)
    first = check(lesson, 6).splitlines()[1]
    assert first.startswith("This isn't the project with which stage 6 starts")
    assert "room.html is missing (stage 5 leaves it)" in first
    assert "chat/routing.py is still the one that stage 2 leaves" in first
    assert "Stage 4 is open. open_stage(6)" in first
    shutil.rmtree(lesson / "notebooks" / "workspace" / ".lesson")  # as if somebody had made the folder by hand
    say = "from workshop.verbs.check import *\nprint(describe_start(read_files(WORKSPACE), 6))"
    assert "It looks as if stage 4 were open. open_stage(6)" in run(lesson, say)
    open_stage(lesson, 6)
    assert run(lesson, say).strip() == "", "Stage 6 is open, so there is nothing to say."


def test_a_check_before_anything_was_opened_says_what_to_do(lesson):
    assert "open_stage(3)" in fails(lesson, "check(3)")


def test_a_notebook_that_builds_nothing_has_nothing_to_check(finished):
    assert "has no tests" in fails(finished, "check(9)")


def test_a_difference_shows_what_came_and_what_went(lesson):
    open_stage(lesson, 3)
    said = run(lesson, "from workshop import difference\nprint(difference(3))")
    assert said.strip() == "No difference."
    write(lesson, "chat/routing.py", "websocket_urlpatterns = [1]\n")
    said = run(lesson, "from workshop import difference\nprint(difference(3))").splitlines()
    assert "-websocket_urlpatterns = []" in said and "+websocket_urlpatterns = [1]" in said
    assert not [line for line in said if line.startswith(("+++", "---")) and "chat/routing.py" not in line]


# Serving

SERVE = """
from workshop import serve
server = serve()
print(server.port)
input()
server.stop()
print("stopped")
input()
"""


def test_a_served_page_answers_until_the_server_is_stopped(finished):
    with started(finished, "-c", SERVE) as kernel:
        port = int(kernel.stdout.readline())
        assert b"Choose a room" in get(port, "/chat/")
        print(file=kernel.stdin, flush=True)
        assert kernel.stdout.readline().strip() == "stopped"
        assert not answers(port)


def test_no_server_outlives_a_killed_kernel(finished):
    with started(finished, "-c", SERVE) as kernel:
        port = int(kernel.stdout.readline())
        assert answers(port)
        kernel.kill()
        kernel.wait()
        until(lambda: not answers(port), "the server has gone with its kernel")


def test_no_server_outlives_a_kernel_that_is_shut_down(finished):
    port = int(run(finished, "from workshop import serve\nprint(serve().port)"))
    assert not answers(port)


def test_opening_a_stage_stops_the_server_of_the_old_files(lesson):
    open_stage(lesson, 5)
    said = run(lesson, "from workshop import *\nserver = serve()\nopen_stage(6)\nprint(server)\nprint(server.port)")
    assert "has ended" in said
    assert not answers(int(said.split()[-1]))


def test_a_server_that_was_killed_says_so_and_another_one_can_be_started(finished):
    said = run(
        finished,
        "import asyncio\nfrom workshop import *\n"
        "server = serve()\nserver.process.kill()\nserver.process.wait()\nprint(server)\n"
        "try:\n    asyncio.run(connect(server, name='Alice'))\nexcept WorkshopError as error:\n    print(error)\n"
        "server.stop()\nwith serve() as another:\n    print(another)",
    )
    assert "the server has ended" in said
    assert "Alice could not connect" in said
    assert "Your project is served at" in said


def test_a_port_in_use_is_said_to_be_in_use(finished):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = fails(finished, f"serve({port})")
    assert f"port {port} already" in said


def test_a_server_that_does_not_start_is_shown_in_its_own_words(lesson):
    open_stage(lesson, 3)
    path = lesson / "notebooks" / "workspace" / "tutorial" / "settings.py"
    path.write_bytes(b"import no_such_module\n" + path.read_bytes())
    said = fails(lesson, "serve()")
    assert "The server did not start" in said
    assert "No module named 'no_such_module'" in said


def test_serving_before_anything_was_opened_says_what_to_do(lesson):
    assert "Stage 1 makes it" in fails(lesson, "serve()")


def test_a_second_notebook_can_open_another_stage_while_the_first_one_serves(lesson, states):
    open_stage(lesson, 5)
    with started(lesson, "-c", SERVE) as first:
        port = int(first.stdout.readline())
        if sys.platform == "win32":  # it moves no folder that a process works in
            assert "another notebook's kernel" in fails(lesson, "open_stage(6)")
            assert without_key(workspace(lesson)) == before(5, states)
        else:
            open_stage(lesson, 6)
            assert without_key(workspace(lesson)) == before(6, states)
            assert b"<title>" in run(lesson, GET_CHAT).encode()
        print(file=first.stdin, flush=True)
        assert first.stdout.readline().strip() == "stopped"
        assert not answers(port)


GET_CHAT = """
from urllib.request import urlopen
from workshop import serve
with serve() as server:
    print(urlopen(server.url + "chat/").read().decode())
"""


def get(port, path):
    """Return the page's body, as any client gets it."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        return b"".join(iter(lambda: client.recv(65536), b""))


# Connecting


def test_two_members_chat_on_a_served_project(finished):
    said = run(
        finished,
        """
import asyncio
from workshop import connect, serve

async def chat(server):
    alice = await connect(server, "聊天室", name="Alice")
    bob = await connect(server, "聊天室", name="Bob")
    await alice.say("hello")
    print("Alice:", await alice.hear())
    print("Bob:", await bob.hear())
    print(await bob.hear(seconds=0.1))
    await bob.leave()
    await alice.leave()

with serve() as server:
    asyncio.run(chat(server))
""",
    )
    assert said.splitlines()[:2] == ["Alice: {'message': 'hello'}", "Bob: {'message': 'hello'}"]
    assert "nothing within 0.1 s" in said


@pytest.mark.parametrize("how", ["origin='http://elsewhere.example'", "path='/no/such/socket/'"])
def test_a_refused_socket_is_refused_in_words(how, finished):
    said = fails(
        finished, f"import asyncio\n    with serve() as server: asyncio.run(connect(server, name='Mallory', {how}))"
    )
    assert said.startswith("Mallory was refused: HTTP 403")


# %%in_project


def test_a_cell_in_the_project_awaits_and_finds_the_project(finished):
    said = in_jupyter(
        finished,
        "%load_ext workshop",
        "%%in_project\nimport asyncio\nfrom chat.consumers import ChatConsumer\n"
        "print(await asyncio.sleep(0, ChatConsumer.__name__))",
    )
    assert said.strip() == "ChatConsumer"


def test_an_error_of_a_cell_in_the_project_is_two_lines(finished):
    said = in_jupyter(finished, "%load_ext workshop", "%%in_project\nprint('before')\n1 / 0")
    assert said.split("\n")[:3] == [
        "before",
        "in <this cell>, line 2: 1 / 0",
        "ZeroDivisionError: division by zero",
    ]
    assert "Traceback" not in said


def test_an_error_in_a_students_file_is_named_with_its_line(lesson):
    open_stage(lesson, 4)
    write(lesson, "chat/consumers.py", "import json\n\nraise ValueError('not yet')\n")
    said = in_jupyter(lesson, "%load_ext workshop", "%%in_project\nimport chat.consumers")
    assert "in chat/consumers.py, line 3: raise ValueError('not yet')" in said
    assert "Traceback" not in said


def test_a_cell_in_the_project_that_python_cant_read_is_shown_with_its_line(finished):
    said = in_jupyter(finished, "%load_ext workshop", "%%in_project\nprint('a')\nprint('b'")
    assert "line 2" in said and "SyntaxError" in said
    assert "Traceback" not in said


# In a terminal


def test_a_command_in_a_terminal_starts_python_anew(lesson):
    # The other tests fork a process in which much is imported already. This is what a student's terminal does.
    for arguments, expected in ((["open", "3"], 0), (["check", "3"], 1)):
        command = [sys.executable, "-m", "workshop", *arguments]
        ran = subprocess.run(command, cwd=lesson / "notebooks", env=environment(), capture_output=True, timeout=60)
        assert ran.returncode == expected, ran.stderr


def test_a_terminal_tells_by_its_exit_code_what_became_of_a_command(lesson):
    assert command(lesson, "check", 3)[0] == 2, "There is nothing to check yet."
    assert command(lesson, "open", 3)[0] == 0
    code, said = command(lesson, "check", 3)
    assert code == 1 and "✘" in said
    assert command(lesson, "difference", 3) == (0, "No difference.\n")
    assert command(lesson, "open", 4)[0] == 0
    code, said = command(lesson, "check", 3)
    assert code == 0 and "✔" in said
    code, said = command(lesson, "open", 42)
    assert code == 2 and "There is no notebook for stage 42" in said


def test_a_terminal_serves_until_enter_is_pressed(finished):
    with started(finished, "-m", "workshop", "serve") as process:
        port = int(re.search(r"127\.0\.0\.1:(\d+)", process.stdout.readline())[1])
        assert answers(port)
        print(file=process.stdin, flush=True)
        assert process.wait(timeout=20) == 0
        assert not answers(port)


def test_it_works_from_any_folder(lesson, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    path = {"PYTHONPATH": str(lesson / "notebooks")}
    assert command(lesson, "open", 4, cwd=elsewhere, **path)[0] == 0
    code, said = command(lesson, "check", 3, cwd=elsewhere, **path)
    assert code == 0, said
    assert not list(elsewhere.iterdir())


SMALL = "from workshop.measuring import speed as m\nm.DELIVERIES, m.MESSAGES = 40, 2\n"


def test_a_measurement_shows_stage_7_beside_the_students_project(lesson):
    open_stage(lesson, 8)
    said = run(lesson, SMALL + "print(m.measure(3, 5))").splitlines()
    assert [line.split()[:3] for line in said[1:]] == [["3", "stage", "7"], ["5", "stage", "7"]], "They are the same."
    open_stage(lesson, 9)
    said = run(lesson, SMALL + "print(m.measure(3))").splitlines()
    assert [line.split()[1] for line in said[1:]] == ["stage", "yours"]
    assert " 1.0 " in said[1], "stage 7 is once as fast as stage 7"


def test_a_burst_is_counted(lesson):
    open_stage(lesson, 9)
    said = run(lesson, "from workshop.measuring import burst\nburst(5, 2)")
    assert "10 messages, 50 deliveries expected\nlost: 0, out of order: 0\n" in said


def test_a_profile_names_what_a_delivery_calls(lesson):
    open_stage(lesson, 8)
    said = run(
        lesson, "from workshop.measuring import profile\nfound = profile(20, 3)\nprint(found, dict(found.times))"
    )
    assert "calls per delivery" in said
    assert "to a thread and back" in said and "Channels: the layer" in said


def test_a_project_that_cannot_be_measured_says_why(lesson):
    measure = "from workshop.measuring import measure; measure(3)"
    assert "open_stage(8)" in fails(lesson, measure)
    open_stage(lesson, 8)
    routing = lesson / "notebooks" / "workspace" / "chat" / "routing.py"
    routing.write_text(routing.read_text(encoding="utf-8") + "\n\nbroken(\n", encoding="utf-8")
    assert "routing.py" in fails(lesson, measure)
