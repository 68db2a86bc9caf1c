"""
Make the room's page show the room's name as a heading, an `<h1>`. Whatever the name is, it stays a name: think of a
room called `<b>bold`, and of 聊天室.
"""

import html.parser
from urllib.parse import quote

from stage import expect

FILE = "chat/templates/chat/room.html"
STAGE = 5
SOLUTION = [
    (
        "chat/templates/chat/room.html",
        """\
<body>
""",
        """\
<body>
  <h1>{{ room_name }}</h1>
""",
    ),
]


class Heading(html.parser.HTMLParser):
    """What a browser makes of a page's first heading: its text, and the elements inside it."""

    def __init__(self, response):
        super().__init__()
        self.found, self.open, self.text, self.inside = False, False, "", []
        self.feed(response.content.decode("utf-8"))

    def handle_starttag(self, tag, attrs):
        if self.open:
            self.inside.append(tag)
        elif tag == "h1" and not self.found:
            self.found = self.open = True

    def handle_endtag(self, tag):
        if tag == "h1":
            self.open = False

    def handle_data(self, data):
        if self.open:
            self.text += data


def heading(client, room):
    """Return the heading of this room's page. Raises Unmet if there is none."""
    response = client.get(f"/chat/{quote(room)}/")
    expect(
        response.status_code == 200,
        seen=f"The page of the room {room} answered {response.status_code}.",
        asked="The template renders for any room.",
        file=FILE,
    )
    found = Heading(response)
    expect(found.found, seen="The room's page has no <h1>.", asked="An <h1> with the room's name in it.", file=FILE)
    return found


def test_the_heading_is_the_rooms_name(client):
    """The heading of each room's page is that room's name."""
    for room in ("lobby", "聊天室"):
        found = heading(client, room)
        expect(
            room in found.text,
            seen=f"On the page of the room {room} the heading says {found.text.strip()!r}.",
            asked="{{ room_name }} between <h1> and </h1>.",
            file=FILE,
        )


def test_a_name_stays_a_name(client):
    """A room called <b>bold, or Q&amp;A, is shown with exactly that name, and none of it becomes markup."""
    for room in ("<b>bold", "Q&amp;A"):
        found = heading(client, room)
        expect(
            room in found.text and "b" not in found.inside,
            seen=f"A browser shows the heading of the room {room} as {found.text.strip()!r}.",
            asked="A plain {{ room_name }}, which Django escapes: no |safe, no mark_safe, and no script for it.",
            file=FILE,
        )
