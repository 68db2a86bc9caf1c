"""A visitor of the pages, and a socket with their cookies: on a real server of the chat that knows who is speaking."""

import pytest
from workshop import WorkshopError, connect, visit
from workshop.lesson.files import write_files
from workshop.lesson.stages import built_on, run_python
from workshop.processes.server import start

ACCOUNTS = """
from django.contrib.auth.models import Group, User
ada = User.objects.create_user("ada", password="analytical")
ada.groups.add(Group.objects.create(name="staff"))
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("who-is-speaking")
    write_files(built_on((10,)), folder)
    for arguments in (["migrate", "--verbosity=0"], ["shell", "--verbosity=0", "-c", ACCOUNTS]):
        assert not run_python(["manage.py", *arguments], folder).stdout
    with start(folder, record=("Ada", "Bob")) as server:
        yield server


@pytest.fixture
def ada(server):
    ada = visit(server)
    ada.log_in("ada", "analytical")
    return ada


def test_a_page_says_its_status_its_address_and_its_text(server):
    nobody = visit(server)
    page = nobody.get("/chat/lobby/")
    assert (page.status, page.address) == (200, "/chat/lobby/")
    assert "You are not logged in." in page.text
    assert repr(nobody.get("chat/staff/")) == "200 /accounts/login/?next=/chat/staff/"
    assert repr(nobody.get("/no/such/page/")) == "404 /no/such/page/"


def test_whoever_has_logged_in_stays_logged_in_until_they_log_out(ada):
    assert "You are ada." in ada.get("/chat/staff/").text
    ada.log_out()
    assert ada.get("/chat/staff/").address.startswith("/accounts/login/")


def test_a_login_or_a_token_that_is_refused_is_refused_in_words(server):
    nobody = visit(server)
    with pytest.raises(WorkshopError, match=r"ada could not log in\..* 200 /accounts/login/: is the password right\?"):
        nobody.log_in("ada", "wrong")
    with pytest.raises(WorkshopError, match="ada got no token.*don't belong together"):
        nobody.token("ada", "wrong")


async def test_a_socket_with_a_visitors_cookies_is_theirs(server, ada):
    socket = await connect(server, "staff", name="Ada", visitor=ada)
    await socket.say("hello")
    assert await socket.hear() == {"message": "hello", "name": "ada"}
    await socket.leave()
    with pytest.raises(WorkshopError, match="Somebody was refused: HTTP 403"):
        await connect(server, "staff", visitor=visit(server))


async def test_a_socket_with_a_token_is_theirs_and_needs_no_cookie(server):
    token = visit(server).token("ada", "analytical")
    socket = await connect(server, "staff", token=token)
    await socket.say("hello")
    assert await socket.hear() == {"message": "hello", "name": "ada"}
    await socket.leave()


async def test_a_copy_has_the_same_cookies_though_the_first_has_lost_them(server, ada):
    thief = ada.copy()
    assert "You are ada." in thief.get("/chat/lobby/").text
    old = thief.cookie_header()
    ada.log_out()
    assert thief.cookie_header() == old != ada.cookie_header()
    assert "You are not logged in." in thief.get("/chat/lobby/").text


async def test_the_picture_names_a_users_own_sockets_as_their_group_and_not_as_the_room(server, ada):
    socket = await connect(server, "kitchen", name="Ada", visitor=ada)
    before = len(server.recording().steps)
    ada.log_out()
    assert await socket.hear() == "nothing more: the socket was closed with close code 4001"
    await server.recorded("close")
    steps = [(step["source"], step["target"], step["what"]) for step in server.recording().steps]
    joined = [target for _, target, what in steps if what == "group_add"]
    assert joined[-2:] == ["user_1", "kitchen"]
    assert steps[before:][:3] == [
        ("outside", "user_1", "group_send"),
        ("user_1", "Ada's consumer", "event"),
        ("Ada's consumer", "Ada", "close"),
    ]


def test_a_server_that_has_gone_is_said_in_words():
    class Gone:  # nothing listens there
        url, tls = "http://127.0.0.1:9/", None

    with pytest.raises(WorkshopError, match=r"http://127\.0\.0\.1:9/chat/ can't be reached: "):
        visit(Gone).get("/chat/")
