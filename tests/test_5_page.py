"""Stage 5: the chat in a browser: a page to choose a room, and the room."""

import re

from stage import Page, expect

FILE = "chat/templates/chat/room.html"


def get(client, path, file="chat/urls.py"):
    """Return the page at this path. Raises Unmet unless it answers 200."""
    response = client.get(path, follow=True)
    expect(
        response.status_code == 200,
        seen=f"GET {path} answered {response.status_code}.",
        asked="chat/urls.py leads to a view in chat/views.py, and that renders a template in chat/templates/chat/.",
        file=file,
    )
    return Page(response)


def test_a_room_has_a_page(client):
    """/chat/lobby/ is the page of the room lobby."""
    get(client, "/chat/lobby/")


def test_one_can_choose_a_room(client):
    """/chat/ asks for a room's name."""
    page = get(client, "/chat/")
    expect(
        page.by_id.get("room-name-input", {}).get("tag") == "input",
        seen=f"/chat/ has elements with these ids: {', '.join(page.by_id) or 'none'}.",
        asked='An <input id="room-name-input"> where one types the name of a room.',
        file="chat/templates/chat/index.html",
    )


def test_the_first_page_leads_to_the_chat(client):
    """/ leads to /chat/."""
    get(client, "/", file="tutorial/urls.py")


def test_a_room_has_a_log_an_input_and_a_button(client):
    """The room's page has the document's three elements."""
    page = get(client, "/chat/lobby/")
    for name, tag in {"chat-log": "textarea", "chat-message-input": "input", "chat-message-submit": "input"}.items():
        seen = page.by_id.get(name, {}).get("tag")
        expect(
            seen == tag or (name == "chat-message-submit" and seen == "button"),
            seen=f"The page has {f'<{seen}>' if seen else 'no element'} with the id {name}.",
            asked=f'A <{tag} id="{name}">.',
            file=FILE,
        )


def test_the_pages_script_opens_the_rooms_socket(client):
    """The page's script opens a WebSocket to the address of stage 4, its name escaped, and wss under HTTPS."""
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
        seen="The script's address begins with ws:// always. Under HTTPS a browser refuses that.",
        asked="wss under HTTPS, ws otherwise: take the page's own protocol, with http replaced by ws.",
        file=FILE,
    )
    expect(
        "encodeURIComponent(" in script,
        seen="The script puts the room's name into the address as it is: a room called a#b would become a.",
        asked="encodeURIComponent(roomName) in the address.",
        file=FILE,
    )


def test_a_rooms_name_cannot_become_markup(client):
    """A room called <!--<script> is a name on the page, and not a part of its HTML or its script."""
    name = "<!--<script>"
    page = get(client, "/chat/%3C!--%3Cscript%3E/")
    expect(
        "room-name" in page.by_id and "JSON.parse(" in page.script,
        seen='The page has no element with the id "room-name" that its script reads with JSON.parse.',
        asked='{{ room_name|json_script:"room-name" }}, and JSON.parse of its textContent in the script.',
        file=FILE,
    )
    expect(
        name not in page.text,
        seen=f"The room's name {name} stands in the page unescaped: the browser takes it for markup.",
        asked="{{ room_name }} in HTML, {{ room_name|json_script }} for the script, and mark_safe nowhere.",
        file=FILE,
    )
