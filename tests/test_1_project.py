"""Stage 1: a Django project, tutorial, and in it an app, chat."""

import subprocess
import sys

from stage import expect

FILE = "manage.py"


def test_manage_py_runs_and_finds_nothing_wrong(pytestconfig):
    """`python manage.py check` runs without an error."""
    project = pytestconfig.project
    asked = "`django-admin startproject tutorial .` makes manage.py and the folder tutorial/."
    expect(
        (project / "manage.py").is_file(), seen="There is no manage.py in the project's folder.", asked=asked, file=FILE
    )
    run = subprocess.run(
        [sys.executable, "manage.py", "check"], cwd=project, capture_output=True, encoding="utf-8", timeout=30
    )
    said = run.stderr.strip().splitlines() or ["nothing"]
    expect(
        run.returncode == 0,
        seen=f"`python manage.py check` ended with: {said[-1]}",
        asked="`python manage.py check` finds nothing wrong.",
        file="tutorial/settings.py",
    )


def test_the_project_answers_http(client):
    """The project answers a browser: its admin asks who you are."""
    status = client.get("/admin/login/").status_code
    expect(
        status == 200,
        seen=f"GET /admin/login/ answered {status}.",
        asked="The admin that startproject puts into urls.py answers 200.",
        file="tutorial/urls.py",
    )


def test_the_chat_app_is_there(pytestconfig):
    """`manage.py startapp chat` has made the chat app."""
    for file in ("chat/__init__.py", "chat/views.py"):
        expect(
            (pytestconfig.project / file).is_file(),
            seen=f"There is no {file} in the project's folder.",
            asked="`python manage.py startapp chat` makes the app beside tutorial/.",
            file=file,
        )
