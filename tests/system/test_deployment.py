"""
deploy() as a student meets it: what it says when something is missing, wrong or over, and what it leaves behind.
"""

import os
import subprocess
import sys

import psutil
import pytest
from running import REPOSITORY, need
from waiting import until
from workshop.errors import WorkshopError
from workshop.lesson.files import write_files
from workshop.lesson.stages import built_on
from workshop.processes.deployment import Deployment
from workshop.processes.programs import HOW_TO_GET, find_program
from workshop.verbs.visit import visit

UNIT = "deploy/chat@.service"


@pytest.fixture
def project(tmp_path):
    """What stage 15 leaves, for tests that need nginx. None of them needs Redis."""
    need(find_program("nginx"), "nginx", HOW_TO_GET["nginx"])
    write_files(built_on((15,)), tmp_path)
    return tmp_path


def deploy(project, servers=1):
    return Deployment(project, servers, False, ())


def change(project, file, old, new):
    path = project / file
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_without_nginx_it_says_how_to_get_it(tmp_path, monkeypatch):
    write_files(built_on((15,)), tmp_path)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(WorkshopError) as said:
        deploy(tmp_path)
    assert str(said.value) == HOW_TO_GET["nginx"]


def test_before_stage_15_it_says_what_is_missing(tmp_path):
    write_files(built_on(()), tmp_path)
    with pytest.raises(WorkshopError, match=r"There is no deploy/chat\.conf in your project\. Stage 15 makes it\."):
        deploy(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("ExecStart=", "# ExecStart=", "no line ExecStart"),
        ("--port %i", "--port 8001", "doesn't say %i"),
        ("--port %i", "--prot %i", "unrecognized arguments"),
    ],
)
def test_a_unit_that_starts_no_server_is_told_by_its_cause(project, old, new, words):
    change(project, UNIT, old, new)
    with pytest.raises(WorkshopError, match=words):
        deploy(project)


def test_a_word_that_nginx_does_not_know_is_told_in_its_own_words(project):
    change(project, "deploy/chat.conf", "least_conn;", "least_con;")
    with pytest.raises(WorkshopError, match='unknown directive "least_con"'):
        deploy(project)


def test_it_says_what_cannot_be_done(project):
    with deploy(project) as world:
        with pytest.raises(WorkshopError, match=r"There is no server 2\. Expected a number from 1 to 1\."):
            world.kill(2)
        with pytest.raises(WorkshopError, match=r"Server 1 runs already: kill\(1\) ends it\."):
            world.revive(1)
        world.kill(1)
        assert visit(world).get("/chat/").status == 502
        world.revive(1)
        assert visit(world).get("/chat/").status == 200
    for late in (world.update, lambda: world.revive(1)):
        with pytest.raises(WorkshopError, match="This deployment has ended"):
            late()
    assert not world.folder.exists()


def test_what_was_changed_is_there_after_an_update(project):
    with deploy(project) as world:
        change(project, "chat/templates/chat/index.html", "<h1>", "<h1>Now: ")
        assert "Now: " not in visit(world).get("/chat/").text
        world.update()
        assert "Now: " in visit(world).get("/chat/").text


def test_nothing_of_it_runs_on_when_its_kernel_is_killed(project, tmp_path_factory):
    code = (
        "import sys; from pathlib import Path; from workshop.processes.deployment import Deployment\n"
        "world = Deployment(Path(sys.argv[1]), 1, False, ()); print(world.url, flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(project)],
        cwd=REPOSITORY / "notebooks",
        env={**os.environ, "TMPDIR": str(tmp_path_factory.mktemp("temporary"))},  # its files stay behind
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as kernel:
        kernel.stdout.readline()
        programs = psutil.Process(kernel.pid).children(recursive=True)
        assert {"nginx"} < {program.name() for program in programs}
        kernel.kill()
    until(lambda: not any(program.is_running() for program in programs), "nginx and the server have ended")
