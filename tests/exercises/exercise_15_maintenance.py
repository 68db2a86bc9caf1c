"""
While no server is there, nginx answers with its bare “502 Bad Gateway”. Let it answer with a page of your own,
`deploy/maintenance.html`, which says that the chat will soon be back. Its status is 503, “Service Unavailable”, which
tells programs that this will pass, and its header `Retry-After` says in how many seconds. A socket's handshake fails
as before. What your servers answer themselves stays as it is, even their own errors.
"""

import re

import pytest
from stage import expect
from stage.nginx import CONF, Answer, Nginx, Passed
from stage.programs import HOST, RealNginx
from stage.systemd import SRV, read

FILE = CONF
STAGE = 15
SOLUTION = [
    (
        "deploy/maintenance.html",
        "",
        """\
<!DOCTYPE html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <title>Back soon</title>
</head>
<body>
  <h1>The chat will be back in a moment</h1>
  <p>We are giving it an update. Please reload this page in half a minute.</p>
</body>
</html>
""",
    ),
    (
        "deploy/chat.conf",
        """\
    location / {
        proxy_pass http://chat;
""",
        """\
    error_page 502 =503 /maintenance.html;
    location = /maintenance.html {
        internal;  # nobody can ask for it
        root /srv/chat/deploy;
        add_header Retry-After 30 always;
    }

    location / {
        proxy_pass http://chat;
""",
    ),
]

PAGE = "deploy/maintenance.html"
ROOM = f"https://{HOST}/chat/lobby/"
SOCKET = f"https://{HOST}/ws/chat/lobby/"
ERROR_PAGE = "error_page, with 503 in place of 502 and the path of your page, and a location for this path."
ALWAYS = "add_header Retry-After 30 always; beside the root. Without always, nginx leaves it out of errors."
ONLY_ITS_OWN = "Without proxy_intercept_errors, nginx has a page for its own errors only."


@pytest.fixture
def page(pytestconfig):
    """The text of the student's own page."""
    text = read(pytestconfig.project, PAGE, "A page of your own, in HTML, that says that the chat will be back.")
    expect(
        re.search(r"<\w+", text) and re.sub(r"<[^>]*>|\s", "", text),
        seen=f"{PAGE} is no page: it has {'no text' if '<' in text else 'no elements'}.",
        asked="A page in HTML that says that the chat will be back.",
        file=PAGE,
    )
    return text


def expect_page(status, retry_after, what):
    """Raise Unmet unless this is how a page is answered while no server is there."""
    expect(
        status == 503,
        seen=f"While no server is there, {what} is answered with {status}"
        + (", so programs take it for the page that they have asked for." if status == 200 else "."),
        asked=ERROR_PAGE,
        file=CONF,
    )
    expect(
        re.fullmatch(r"\d+|\w{3}, .* GMT", retry_after or ""),
        seen=f"While no server is there, Retry-After is {retry_after or 'missing'}.",
        asked=ALWAYS,
        file=CONF,
    )


def test_while_no_server_is_there_nginx_shows_a_page_of_ones_own(page, pytestconfig):
    """While no server is there, the file says: a page of one's own, with the status 503 and with Retry-After."""
    answer = Nginx(pytestconfig.project).ask(ROOM, down=True)
    expect(
        isinstance(answer, Answer) and (answer.file or answer.status != 502),
        seen="While no server is there, a room's page is answered with nginx's own 502.",
        asked=ERROR_PAGE,
        file=CONF,
    )
    expect(
        answer.status != 404,
        seen="In place of its 502, nginx looks for a page that it has not: 404.",
        asked=ERROR_PAGE,
        file=CONF,
    )
    expect(
        answer.file == f"{SRV}/{PAGE}",
        seen=f"In place of its 502, nginx sends {answer.file or 'no file'}, and your page is {SRV}/{PAGE}.",
        asked=ERROR_PAGE,
        file=CONF,
    )
    expect_page(answer.status, answer.headers.get("retry-after"), "a room's page")


def test_while_no_server_is_there_a_socket_is_refused(page, pytestconfig):
    """While no server is there, a socket's handshake gets an error. As soon as one is, all goes through as before."""
    nginx = Nginx(pytestconfig.project)
    handshake = {"upgrade": "websocket", "connection": "Upgrade"}
    refused = nginx.ask(SOCKET, down=True, **handshake)
    expect(
        refused.status in (502, 503),
        seen=f"While no server is there, a socket's handshake is answered with {refused.status}.",
        asked="A handshake gets an error, 502 or 503: the page then tries again.",
        file=CONF,
    )
    passed = nginx.ask(SOCKET, **handshake)
    expect(
        isinstance(passed, Passed) and passed.headers.get("upgrade") == "websocket",
        seen="With all servers there, a socket's handshake no longer reaches them as one.",
        asked="The location / stays as it was: what it passes on doesn't change.",
        file=CONF,
    )
    expect(
        refused.status == 503,
        seen="While no server is there, the pages are said to be back soon, and a socket still gets a 502.",
        asked=ERROR_PAGE,
        file=CONF,
    )


async def test_a_real_nginx_shows_the_page(page, pytestconfig, tmp_path):
    """A real nginx shows the page while no server is there, and never in place of a server's own answer."""
    async with RealNginx(pytestconfig.project, tmp_path) as nginx:
        for server in nginx.servers:
            server.status = 502
        own = await nginx.get("/chat/lobby/")
        expect(
            (own.status, own.body) == (502, b"page"),
            seen=f"A server itself has answered 502, and nginx made {own.status} of it.",
            asked=ONLY_ITS_OWN,
            file=CONF,
        )
        for server in nginx.servers:
            await server.stop()
        answer = await nginx.get("/chat/lobby/?from=mail")
        expect_page(answer.status, answer.headers.get("retry-after"), "a room's page")
        expect(
            answer.body.decode("utf-8", "replace") == page,
            seen=f"While no server is there, nginx answers {answer.status} with a page that isn't {PAGE}.",
            asked=ERROR_PAGE,
            file=CONF,
        )
        refused = await nginx.open_socket()
        expect_page(refused.status, refused.headers.get("retry-after"), "a socket's handshake")
        for server in nginx.servers:
            server.status = 200
            await server.start()
        back = await nginx.get("/chat/lobby/")
        expect(
            (back.status, back.body) == (200, b"page"),
            seen=f"The servers are back, and a room's page is answered with {back.status}.",
            asked="The upstream's servers keep their max_fails=0.",
            file=CONF,
        )
