"""Stage 5: the chat in a browser, with a page for choosing a room, and a page for each room."""

import html
import json
import re
from urllib.parse import unquote

from stage import Page, expect

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


def test_a_name_that_is_typed_leads_to_its_room(client):
    """Type lobby on /chat/, press Enter, and you are in the room lobby."""
    page = get(client, "/chat/")
    if "location" in page.script:  # a script leads there, and this browser runs none
        return
    field = page.by_id.get("room-name-input", {}).get("name")
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


def test_the_pages_script_finds_its_elements(client):
    """Each element that the script looks for by its id is on the page."""
    page = get(client, "/chat/lobby/")
    looked_for = re.findall(r"querySelector\(\s*['\"`]#([\w-]+)['\"`]\s*\)", page.script)
    looked_for += re.findall(r"getElementById\(\s*['\"`]([\w-]+)['\"`]\s*\)", page.script)
    for name in looked_for:
        expect(
            name in page.by_id or ".id =" in page.script,  # the script makes elements of its own
            seen=f"The script looks for #{name}, but no element has that id: in a browser, the result is null.",
            asked="The ids in the script are those in the HTML.",
            file=FILE,
        )


def test_the_pages_script_can_be_read(client):
    """Every bracket in the page's script is closed, and every handler that it sets is one that a socket calls."""
    script = get(client, "/chat/lobby/").script
    strings_and_comments = r"""'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|//[^\n]*|/\*.*?\*/"""
    code = re.sub(strings_and_comments, "", script, flags=re.DOTALL)
    for left, right in ("()", "[]", "{}"):
        expect(
            code.count(left) == code.count(right),
            seen=f"The script has {left} {code.count(left)} times and {right} {code.count(right)} times.",
            asked="Every bracket is closed. Otherwise a browser runs none of the script. Its console names the line.",
            file=FILE,
        )
    for handler in re.findall(r"[sS]ocket\.(on\w+)\s*=", code):
        expect(
            handler in ("onopen", "onmessage", "onclose", "onerror"),
            seen=f"The script sets the socket's {handler}, which no socket calls.",
            asked="A socket calls its onopen, onmessage, onclose and onerror.",
            file=FILE,
        )


def test_the_pages_script_opens_the_rooms_socket(client):
    """The page's script opens a WebSocket to the address of stage 4, with the name escaped, and wss under HTTPS."""
    script = get(client, "/chat/lobby/").script
    expect(
        "new WebSocket(" in script and "/ws/chat/" in script,
        seen="The page's script doesn't open a WebSocket to /ws/chat/….",
        asked="`new WebSocket(…)` with the address of the room's socket.",
        file=FILE,
    )
    hard_coded = re.search(r"['\"`]ws://", script) and "wss" not in script
    expect(
        not hard_coded,
        seen="The script's address always begins with ws://. Under HTTPS, a browser refuses that.",
        asked="wss under HTTPS, ws otherwise: take the page's own protocol, with http replaced by ws.",
        file=FILE,
    )
    expect(
        "encodeURIComponent(" in script,
        seen="The script puts the room's name into the address unescaped: a room called a#b has no socket.",
        asked="encodeURIComponent(roomName) in the address.",
        file=FILE,
    )
    expect(
        not re.search(r"/ws/chat/\$\{[^`{}]*\}`|/ws/chat/['\"]\s*\+[^;'\"`]*;", script),
        seen="The socket's address in the script ends without a slash, but the route of stage 4 ends with one.",
        asked="A slash after the room's name: `/ws/chat/${encodeURIComponent(roomName)}/`.",
        file=FILE,
    )


def test_the_pages_script_speaks_the_consumers_language(client):
    """The script sends what is typed as JSON, reads what arrives as JSON, and stays on the page."""
    page = get(client, "/chat/lobby/")
    expect(
        "JSON.stringify(" in page.script,
        seen="The script never calls JSON.stringify(): the consumer reads JSON, but gets the bare text.",
        asked="socket.send(JSON.stringify({message: …})).",
        file=FILE,
    )
    bare = re.search(r"\bdata\.message\b", page.script) and not re.search(r"JSON\.parse\([^)]*data\b", page.script)
    expect(
        not bare,
        seen="The script reads .message from a frame's text, which has none: in a browser, the result is undefined.",
        asked="JSON.parse(event.data).message.",
        file=FILE,
    )
    expect(
        "form" not in page.tags or "preventDefault" in page.script or "return false" in page.script,
        seen="The script never calls preventDefault(): on Enter, the browser sends the form and reloads the page.",
        asked="event.preventDefault() in the form's onsubmit.",
        file=FILE,
    )


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
    asked = '{{ room_name|json_script:"room-name" }}, and JSON.parse of its textContent in the script.'
    expect(
        html.escape(name) not in page.script,
        seen=f"The script has the room's name as {html.escape(name)}: "
        "Django escaped it for HTML, and a script doesn't undo that.",
        asked=asked,
        file=FILE,
    )
    expect(
        "room-name" in page.by_id and "JSON.parse(" in page.script,
        seen='The page has no element with the id "room-name" that its script reads with JSON.parse.',
        asked=asked,
        file=FILE,
    )
    read = json.loads(page.by_id["room-name"].get("data", "null"))
    lobby = get(client, "/chat/lobby/").by_id.get("room-name", {}).get("data", "null")
    expect(
        read == name,
        seen=f"The script reads {read!r} as the room's name, in every room."
        if json.loads(lobby) == read
        else f"The room is called {name}, and the script reads {read!r} as the room's name.",
        asked='The view gives the template the name: render(request, "chat/room.html", {"room_name": room_name}).',
        file="chat/views.py",
    )
