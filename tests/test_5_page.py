"""Stage 5: the chat in a browser, with a page for choosing a room, and a page for each room."""

import json
import re
from urllib.parse import quote, unquote, urlsplit

import pytest
from django.test import Client
from stage import Page, expect
from stage.scripts import blame, blame_errors, browse, expect_frame, expect_log, expect_once, expect_socket, expect_text

FILE = "chat/templates/chat/room.html"
SLASH = 'chat/urls.py has path("<str:room_name>/", …) for the rooms, with the slash.'


def get(client, path, file="chat/urls.py"):
    """Return the page at this path. Raises Unmet unless it answers 200."""
    response = client.get(path, follow=True)
    status = response.status_code
    expect(
        status != 404 or path == "/" or client.get(path[:-1]).status_code != 200,
        seen=f"GET {path} answered 404, but GET {path[:-1]} answered 200: the route has no slash at its end.",
        asked=SLASH,
        file=file,
    )
    expect(
        status == 200,
        seen=f"GET {path} answered {status}.",
        asked="chat/urls.py routes /chat/ and /chat/<room_name>/ to the views, and each view renders its template.",
        file=file,
    )
    return Page(response)


def test_a_room_has_a_page(client):
    """/chat/lobby/ is the page of the room lobby."""
    get(client, "/chat/lobby/")


def test_a_page_asks_for_a_room(client):
    """/chat/ asks for a room's name."""
    page = get(client, "/chat/")
    expect(
        page.by_id.get("room-name-input", {}).get("tag") == "input",
        seen=f"/chat/ has elements with these ids: {', '.join(page.by_id) or 'none'}.",
        asked='An <input id="room-name-input"> for the name of a room.',
        file="chat/templates/chat/index.html",
    )


def test_a_name_that_is_typed_leads_to_its_room(client, pytestconfig):
    """Type lobby on /chat/, press Enter, and you are in the room lobby."""
    page = get(client, "/chat/")
    if "script" in page.tags:
        with browse(client, "/chat/", pytestconfig.project) as chooser:
            chooser.type("lobby", into="room-name-input")
            chooser.press_enter()
            if not chooser.left:
                chooser.click("room-name-submit")
            blame_errors(chooser)
            if not chooser.left and chooser.unknown:
                blame(chooser, "Typing lobby on /chat/ led nowhere.", "It leads to the room.")
            if chooser.left and chooser.left["how"] != "form":
                here = urlsplit(chooser.left["url"]).path
                expect(
                    unquote(here) == "/chat/lobby/",
                    seen=f"Typing lobby on /chat/ led to {here!r}.",
                    asked="The script leads to /chat/lobby/.",
                    file="chat/templates/chat/index.html",
                )
                return
    posted = re.search(r"<form[^>]*method=[\"']?post", page.text, re.IGNORECASE)
    field = page.by_id.get("room-name-input", {}).get("name")
    if posted:
        typed_by_post(client, field)
        return
    response = client.get("/chat/", {field: "lobby"} if field else {}, follow=True)
    here = response.redirect_chain[-1][0] if response.redirect_chain else f"/chat/?{field}=lobby"
    expect(
        here != "/chat/lobby",
        seen="Typing lobby on /chat/ led to '/chat/lobby': the route has no slash at its end.",
        asked=SLASH,
        file="chat/urls.py",
    )
    expect(
        response.status_code == 200 and unquote(here) == "/chat/lobby/",
        seen=f"Typing lobby on /chat/ led to {here!r}, which answered {response.status_code}.",
        asked='<input name="room"> sends ?room=lobby, and the view redirects to the room in request.GET["room"].',
        file="chat/templates/chat/index.html" if field != "room" else "chat/views.py",
    )
    for name in ("a#b", "a?b"):
        response = client.get("/chat/", {field: name})
        address = response.headers.get("Location", "nowhere")
        expect(
            unquote(urlsplit(address).path) == f"/chat/{name}/",
            seen=f"Typing {name} on /chat/ led to {address!r}: in an address, # and ? have a meaning of their own.",
            asked='redirect("room", room_name=…), which escapes the name: /chat/a%23b/.',
            file="chat/views.py",
        )


def typed_by_post(client, field):
    """Raise Unmet unless a form that posts leads to the room."""
    refused = Client(SERVER_NAME="localhost", enforce_csrf_checks=True).post(
        "/chat/", {field: "lobby"} if field else {}
    )
    expect(
        refused.status_code != 403 or "csrfmiddlewaretoken" in client.get("/chat/").content.decode(),
        seen='The form on /chat/ has method="post", and no {% csrf_token %} in it: Django answers 403.',
        asked="A form without a method: a browser then asks for /chat/?room=lobby, and the view reads request.GET.",
        file="chat/templates/chat/index.html",
    )
    response = client.post("/chat/", {field: "lobby"} if field else {})
    by_get = client.get("/chat/", {field: "lobby"} if field else {}).headers.get("Location", "nowhere")
    expect(
        unquote(response.headers.get("Location", "nowhere")) == "/chat/lobby/",
        seen="The form on /chat/ posts, and the view didn't lead to the room."
        + (" It does if the room comes as ?room=lobby." if unquote(by_get) == "/chat/lobby/" else ""),
        asked="A form without a method: a browser then asks for /chat/?room=lobby.",
        file="chat/templates/chat/index.html",
    )


def test_the_first_page_leads_to_the_chat(client):
    """/ leads to /chat/."""
    get(client, "/", file="tutorial/urls.py")


def test_a_room_has_a_log_an_input_and_a_button(client):
    """The room's page has the three elements that the document names."""
    page = get(client, "/chat/lobby/")
    for name, tag in {"chat-log": "textarea", "chat-message-input": "input", "chat-message-submit": "input"}.items():
        seen = page.by_id.get(name, {}).get("tag")
        expect(
            seen == tag or (name == "chat-message-submit" and seen == "button"),
            seen=f"The page has {f'a <{seen}>' if seen else 'no element'} with the id {name}.",
            asked=f'A <{tag} id="{name}">.',
            file=FILE,
        )


def room_page(client, project, room="lobby", origin="http://localhost:8000"):
    """Return the room's page in a Browser, to be used in a `with` statement. Raises Unmet unless it answers 200."""
    path = f"/chat/{quote(room, safe='')}/"
    get(client, path)
    return browse(client, path, project, origin)


def test_the_pages_script_runs(client, pytestconfig):
    """A browser reads the page's script, and it raises no error: every name and every element in it is there."""
    with room_page(client, pytestconfig.project) as page:
        expect(
            any(code.strip() for code in page.scripts()),
            seen="The page of the room lobby has no script.",
            asked="A <script> that opens the room's socket, sends what is typed and shows what arrives.",
            file=FILE,
        )


@pytest.mark.parametrize(
    ("room", "origin"),
    [
        ("lobby", "http://localhost:8000"),
        ("lobby", "http://chat.example:8080"),
        ("lobby", "https://chat.example"),
        ("a#b", "http://localhost:8000"),
        ("a?b", "http://localhost:8000"),
        ("聊天室", "http://localhost:8000"),
    ],
)
def test_the_pages_script_opens_the_rooms_socket(client, pytestconfig, room, origin):
    """The page's script opens a WebSocket to the address of stage 4, with the name escaped, and wss under HTTPS."""
    with room_page(client, pytestconfig.project, room, origin) as page:
        expect_socket(page, room, "The address of stage 4, with encodeURIComponent(roomName) in it.")


def test_the_pages_script_shows_what_arrives(client, pytestconfig):
    """When a message arrives, the log shows it, below those that came before."""
    with room_page(client, pytestconfig.project) as page:
        expect_socket(page, "lobby", "The socket of the room.")
        page.open_socket()
        for message in ("first", "second"):
            page.receive(json.dumps({"message": message}))
        blame_errors(page)
        asked = "The socket's onmessage adds JSON.parse(event.data).message to #chat-log."
        expect_log(page, ["first", "second"], asked)
        page.receive(json.dumps({"message": "&lt; is <"}))
        expect_log(page, ["second", "&lt; is <"], asked)
        expect_text(page, "textContent or a field's value in place of innerHTML.")


def test_the_pages_script_sends_what_is_typed(client, pytestconfig):
    """What is typed goes out as {"message": …} when the button is clicked, or Enter pressed, and the page stays."""
    asked = "socket.send(JSON.stringify({message: …})), with the text of #chat-message-input."
    with room_page(client, pytestconfig.project) as page:
        expect_socket(page, "lobby", "The socket of the room.")
        page.open_socket()
        page.type("hello")
        page.click("chat-message-submit")
        blame_errors(page)
        button = Page(client.get("/chat/lobby/")).by_id.get("chat-message-submit", {})
        if button.get("type") == "button" and not page.frames and "form" in Page(client.get("/chat/lobby/")).tags:
            blame(page, 'The button has type="button": a click on it does not send the form.', 'type="submit".')
        expect_frame(page, "hello", "After “hello” and a click on the button", asked)
        expect_once(page, "hello", "A message is shown when it arrives: its sender gets it, too.")
    with room_page(client, pytestconfig.project) as page:
        page.open_socket()
        page.type("hello")
        page.press_enter()
        blame_errors(page)
        expect_frame(page, "hello", "After “hello” and Enter", asked)


def test_a_rooms_name_cannot_become_markup(client, pytestconfig):
    """On its page, the name of a room called <!--<script> stays a name, in the HTML and in the script."""
    name = "<!--<script>"
    page = get(client, "/chat/%3C!--%3Cscript%3E/")
    views = pytestconfig.project / "chat" / "views.py"
    expect(
        name not in page.text or not views.is_file() or "mark_safe(" not in views.read_text(encoding="utf-8"),
        seen=f"The room's name {name} is in the page unescaped: the view passes it through mark_safe.",
        asked='The view gives the template the plain name, {"room_name": room_name}, and the script reads it with '
        'JSON.parse from {{ room_name|json_script:"room-name" }}.',
        file="chat/views.py",
    )
    expect(
        name not in page.text,
        seen=f"The room's name {name} is in the page unescaped: the browser takes it for markup.",
        asked="{{ room_name }} in HTML, {{ room_name|json_script }} for the script, and mark_safe nowhere.",
        file=FILE,
    )
    with room_page(client, pytestconfig.project, name) as page:
        expect_socket(page, name, '{{ room_name|json_script:"room-name" }}, and JSON.parse of its textContent.')
