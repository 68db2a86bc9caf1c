"""
Settings that the environment can change: as a fresh Python reads them, and as a server uses them.
"""

import os
import re
import subprocess
import sys

import pytest
from running import REPOSITORY

PRINT_DEBUG = "from tutorial import settings; print(settings.DEBUG)"


def read_debug(**environment):
    """Return settings.DEBUG in a Python process with these environment variables."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DJANGO_")}
    return subprocess.run(
        [sys.executable, "-c", PRINT_DEBUG],
        cwd=REPOSITORY,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


@pytest.mark.parametrize("text", ["0", "false", "False", "no", "off", "OFF", "", "0 "])
def test_the_error_pages_can_be_switched_off(text):
    assert read_debug(DJANGO_DEBUG=text) == "False"


@pytest.mark.parametrize("environment", [{}, *({"DJANGO_DEBUG": text} for text in ("1", "true", "yes", "on"))])
def test_the_error_pages_are_on_by_default(environment):
    assert read_debug(**environment) == "True"


@pytest.mark.parametrize("debug", ["0", "1"])
def test_the_admin_has_its_styles(debug, serve):
    server = serve(DJANGO_DEBUG=debug)
    page = server.get("/admin/login/")
    assert page.status == 200
    for name in re.findall(r'href="(/static/[^"]+\.css)"', page.text) or pytest.fail("The page names no stylesheet."):
        stylesheet = server.get(name)
        assert stylesheet.status == 200, name
        assert stylesheet.headers.get_content_type() == "text/css"
        assert stylesheet.text
    assert server.get("/static/no/such/file.css").status == 404
    assert server.get_room("lobby").status == 200
    assert "Warning" not in server.whole_log()
    server.assert_nothing_broke()
