"""Stage 1: a Django project called tutorial, with an app called chat."""

import re

from stage import Unmet, expect, explain_output, missing_file, run_python

FILE = "manage.py"


def test_manage_py_runs_and_finds_nothing_wrong(pytestconfig):
    """`python manage.py check` runs without an error."""
    project = pytestconfig.project
    asked = "`python -m django startproject tutorial .` makes manage.py here: the dot at the end means “here”."
    if not (project / FILE).is_file():
        raise missing_file(FILE, project, asked)
    run = run_python(project, "manage.py", "check")
    expect(
        run.returncode or run.stdout.strip(),
        seen="`python manage.py check` printed nothing: manage.py never called main().",
        asked='manage.py ends with `if __name__ == "__main__": main()`, underscores included.',
        file=FILE,
    )
    if run.returncode:
        lines = (project / FILE).read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines, start=1):
            named = re.search(r"DJANGO_SETTINGS_MODULE['\"]\W+([^'\"]+)['\"]", line)
            expect(
                not named or named[1] == "tutorial.settings",
                seen=f"manage.py sets DJANGO_SETTINGS_MODULE to {named and named[1]}, on line {number}.",
                asked="This project's settings are tutorial.settings.",
                file=FILE,
            )
        raise explain_output(
            run.stderr, project, "`python manage.py check` finds nothing wrong.", "tutorial/settings.py"
        )


def test_the_project_answers_http(client):
    """The project answers a browser: its admin asks you to log in."""
    from django.urls import NoReverseMatch, reverse

    asked, file = 'path("admin/", admin.site.urls) in urlpatterns, as startproject writes it.', "tutorial/urls.py"
    status = client.get("/admin/login/").status_code
    try:
        address = reverse("admin:index")
    except NoReverseMatch:
        raise Unmet(f"GET /admin/login/ answered {status}: no address leads to the admin.", asked, file) from None
    expect(
        address.endswith("/"),
        seen=f"The admin's address is {address[1:]!r}, without a slash at the end. /admin/login/ answered {status}.",
        asked=asked,
        file=file,
    )
    expect(status == 200, seen=f"GET /admin/login/ answered {status}.", asked=asked, file=file)


def test_the_chat_app_is_there(pytestconfig):
    """`python manage.py startapp chat` has created the chat app."""
    for file in ("chat/__init__.py", "chat/views.py"):
        if not (pytestconfig.project / file).is_file():
            asked = "`python manage.py startapp chat`, run where manage.py is, creates the app next to tutorial/."
            raise missing_file(file, pytestconfig.project, asked)
