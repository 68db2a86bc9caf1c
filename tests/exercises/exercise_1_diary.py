"""
Create a second app, `diary`, next to `chat`, and install it, so that Django knows it.
"""

import subprocess
import sys

from stage import expect

FILE = "tutorial/settings.py"
STAGE = 1
SOLUTION = [
    'python("manage.py", "startapp", "diary")',
    (
        "tutorial/settings.py",
        """\
    'django.contrib.staticfiles',
""",
        """\
    'django.contrib.staticfiles',
    'diary',
""",
    ),
]


def test_the_diary_app_is_there(pytestconfig):
    """`python manage.py startapp diary` has created the diary app."""
    for file in ("diary/__init__.py", "diary/views.py"):
        expect(
            (pytestconfig.project / file).is_file(),
            seen=f"There is no {file} in the project's folder.",
            asked="`python manage.py startapp diary` creates the app next to tutorial/ and chat/.",
            file=file,
        )


def test_the_diary_app_is_installed(django):
    """Django knows the diary app."""
    from django.apps import apps

    expect(
        apps.is_installed("diary"),
        seen='"diary" is not in INSTALLED_APPS.',
        asked='"diary" is in INSTALLED_APPS: to Django, a folder alone is not an app.',
        file=FILE,
    )


def test_manage_py_finds_nothing_wrong(pytestconfig):
    """`python manage.py check` finds nothing wrong."""
    run = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=pytestconfig.project,
        capture_output=True,
        encoding="utf-8",
        timeout=30,
    )
    said = run.stderr.strip().splitlines() or ["nothing"]
    expect(
        run.returncode == 0,
        seen=f"`python manage.py check` ended with: {said[-1]}",
        asked="The name in INSTALLED_APPS is the name of the app's folder.",
        file=FILE,
    )
