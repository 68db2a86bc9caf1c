"""The recordings and their pictures: drawn from what happened, and the same for the same run."""

import asyncio
import contextlib
import difflib
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from channels.exceptions import ChannelFull
from channels.testing import WebsocketCommunicator
from recordings import SCENARIOS, full_mailbox, hello, path, record


@pytest.fixture
def project(layer):
    """Django. Whatever a scene does to its channel layer is undone afterwards."""


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
async def test_a_scenario_is_recorded_as_it_was_reviewed(project, scenario):
    reviewed = path(scenario).read_text(encoding="utf-8")
    recorded = await record(scenario)
    changes = difflib.unified_diff(reviewed.splitlines(), recorded.splitlines(), "reviewed", "recorded", lineterm="")
    assert recorded == reviewed, (
        "\n".join(changes) + "\nIf the recorded one is right: python tests/lesson/recordings.py, and review the change."
    )


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
async def test_on_channels_own_layer_it_has_the_same_arrows(project, monkeypatch, scenario):
    """Channels' layer calls send() for each member, in a task. The project's fills the mailboxes itself."""
    from django.conf import settings

    monkeypatch.setitem(settings.CHANNEL_LAYERS["default"], "BACKEND", "channels.layers.InMemoryChannelLayer")
    assert await record(scenario) == path(scenario).read_text(encoding="utf-8")


async def test_on_the_projects_layer_a_full_mailbox_has_the_same_arrows(project):
    """The same arrows and one more: here the sender is told."""
    from chat.layers import ClassroomInMemoryChannelLayer

    recorded = (await full_mailbox(ClassroomInMemoryChannelLayer(capacity=2))).recording
    *steps, told, heard = recorded.text().splitlines()
    assert "\n".join([*steps, heard, ""]) == path(full_mailbox).read_text(encoding="utf-8")
    assert told.startswith("Alice's consumer → Alice: frame {") and told.endswith('"frame": 4}')


async def test_a_delivery_is_one_arrow_whichever_way_a_layer_makes_it(project):
    """This layer calls send() for one member, and puts the message into the others' mailboxes itself."""
    from workshop.recording import Recording

    from chat.layers import ClassroomInMemoryChannelLayer

    class HalfDirect(ClassroomInMemoryChannelLayer):
        async def group_send(self, group, message):
            for channel in self.groups[group]:
                with contextlib.suppress(ChannelFull, asyncio.QueueFull):
                    if channel == "sent":
                        await self.send(channel, message)
                    else:
                        self.mailbox(channel).put_nowait(message)

    layer = HalfDirect(capacity=1)
    recording = Recording()
    recording.start(None, layer)
    for channel in ("put", "sent", "put-and-read"):
        await layer.group_add("chat_lobby", channel)
    await layer.group_send("chat_lobby", {"type": "chat_msg"})
    layer.mailbox("put-and-read").get_nowait()
    await layer.group_send("chat_lobby", {"type": "chat_msg"})
    steps = [(step["target"], step["what"]) for step in recording.steps if step["source"] == "lobby"]
    assert sorted(steps[:3]) == [("put", "event"), ("put-and-read", "event"), ("sent", "event")]
    assert sorted(steps[3:]) == [("put", "lost"), ("put-and-read", "event"), ("sent", "lost")]


async def test_who_is_taken_out_of_a_group_before_a_message_is_sent_has_no_arrow(project):
    """What has expired in a mailbox takes its owner out of the group, in group_send() itself."""
    from workshop.recording import Recording

    from chat.layers import ClassroomInMemoryChannelLayer

    layer = ClassroomInMemoryChannelLayer(expiry=-1)
    recording = Recording()
    recording.start(None, layer)
    await layer.group_add("chat_lobby", "reads-nothing")
    await layer.group_send("chat_lobby", {"type": "chat_msg", "message": "one"})
    layer.next_clean = 0
    await layer.group_add("chat_lobby", "comes-late")
    await layer.group_send("chat_lobby", {"type": "chat_msg", "message": "two"})
    targets = [step["target"] for step in recording.steps if step["what"] in ("event", "lost")]
    assert targets == ["reads-nothing", "comes-late"]


async def test_the_same_run_gives_the_same_picture(project):
    """Which consumer comes first is a matter of chance, so one more run wouldn't show much."""
    assert len({(await hello()).recording.picture() for _ in range(20)}) == 1


async def test_a_picture_says_in_words_what_it_shows(project):
    """For anyone who can't see it, and anyone who reads the notebook where no SVG is shown."""
    recording = (await hello()).recording
    bundle = recording._repr_mimebundle_()
    picture = ElementTree.fromstring(bundle["image/svg+xml"])
    assert picture.get("role") == "img"
    assert picture.findtext("{http://www.w3.org/2000/svg}desc") == bundle["text/plain"] == recording.text()


async def test_every_step_is_an_arrow_with_its_words(project):
    recording = (await hello()).recording
    words = [element.text for element in ElementTree.fromstring(recording.picture()).iter() if element.text]
    for name in ("Alice", "Alice's consumer", "lobby", "Bob's consumer", "Bob"):
        assert name in words
    assert words.count('{"message": "hello"}') == 6, "one to the consumer, one to the room, two events, two frames"
    assert not any("inmemory" in word for word in words), "a random name that no person gave"


async def everybody_in():
    """The widest pictures of the lesson: three people in one room, and three people in two rooms."""
    from workshop.recording import Scene

    recordings = []
    for carols in ("lobby", "kitchen"):
        scene = Scene("Alice", "Bob", "Carol")
        people = [await scene.join("Alice"), await scene.join("Bob"), await scene.join("Carol", carols)]
        await people[2].say("Hello from the notebook")
        for person in people if carols == "lobby" else people[2:]:
            await person.hear()
        recordings.append(scene.recording)
    return recordings


def find(picture, tag):
    return list(ElementTree.fromstring(picture).iter("{http://www.w3.org/2000/svg}" + tag))


async def test_a_picture_fits_a_projector_and_can_be_read_there(project):
    """In JupyterLab 830 of a projector's 1280 pixels are left for it. JupyterLab makes no picture smaller."""
    recordings = [*await everybody_in(), *[(await scenario()).recording for scenario in SCENARIOS]]
    for picture in (recording.picture() for recording in recordings):
        (svg,) = find(picture, "svg")
        assert float(svg.get("width")) <= 820
        scale = float(svg.get("width")) / float(svg.get("viewBox").split()[2])
        assert min(float(text.get("font-size")) for text in find(picture, "text")) * scale >= 10.9


async def test_what_is_said_can_be_read_whole_in_a_narrow_picture(project):
    words = [element.text for element in find((await everybody_in())[0].picture(), "text")]
    said = '{"message": "Hello from the notebook"}'
    assert " ".join(words).count(said) == 8, "one to the consumer, one to the room, three events, three frames"
    assert said not in words, "it takes more than one line"


async def test_no_two_boxes_touch(project):
    for recording in await everybody_in():
        boxes = [box for box in find(recording.picture(), "rect") if box.get("x")]
        edges = [(float(box.get("x")), float(box.get("x")) + float(box.get("width"))) for box in boxes]
        assert len(edges) >= 7
        assert all(right + 10 <= left for (_, right), (left, _) in pairwise(edges))


async def test_the_cross_of_a_lost_message_is_no_smaller_than_its_words_and_covers_none(project):
    from workshop.drawing.svg import width

    picture = (await full_mailbox()).recording.picture()
    *_, (x1, y1, x2, y2) = [
        [float(stroke.get(end)) for end in ("x1", "y1", "x2", "y2")]
        for stroke in find(picture, "line")
        if stroke.get("x1") != stroke.get("x2") and stroke.get("y1") != stroke.get("y2")
    ]
    assert abs(y2 - y1) >= 14
    (words,) = [text for text in find(picture, "text") if text.text == "lost chat_msg"]
    assert float(words.get("x")) + width(words.text) / 2 < x1


def test_only_a_word_that_is_too_long_is_broken():
    from workshop.drawing.svg import wrap

    assert wrap("one two three", 60, 3) == ["one two", "three"]
    assert wrap("one two three four", 60, 2) == ["one two", "three…"]
    assert wrap("extraordinary", 60, 3) == ["extraor", "dinary"]


async def test_markup_in_a_message_cannot_break_a_picture(project):
    from workshop.recording import Scene

    scene = Scene("Alice")
    alice = await scene.join("Alice", "<b>&")
    await alice.say("</svg><script>alert(1)</script>")
    await alice.hear()
    picture = ElementTree.fromstring(scene.recording.picture())
    assert not [element for element in picture.iter() if element.tag.endswith("script")]


async def test_an_xray_shows_who_is_there_and_what_waits(project):
    scene = await full_mailbox()
    after = scene.xray()
    assert after.rooms == {"lobby": [("Alice's consumer", 0), ("Bob's consumer", 2)]}
    assert (after.capacity, after.lost) == (2, 1)
    shown = ElementTree.fromstring(after._repr_mimebundle_()["image/svg+xml"])
    words = [element.text for element in shown.iter() if element.text]
    assert "2 of 2 waiting" in words
    assert "1 lost" in words


async def test_an_xray_marks_what_has_changed(project):
    from workshop.recording import Scene

    scene = Scene("Alice", "Bob")
    empty = scene.xray()
    alice = await scene.join("Alice")
    joined = scene.xray()
    assert list(joined.since(empty).rows()) == [("lobby", "Alice's consumer", 0, "joined")]
    await alice.leave()
    assert list(scene.xray().since(joined).rows()) == [("lobby", "Alice's consumer", 0, "left")]
    assert scene.xray().text() == "Nobody is in any room."


async def test_what_a_stage_adds_is_marked(project):
    """The arrows that an echo doesn't have: to the room, from the room, and to Bob."""
    from channels.generic.websocket import AsyncWebsocketConsumer
    from workshop.recording import Scene

    from chat.consumers import ChatConsumer

    class Echo(AsyncWebsocketConsumer):
        async def receive(self, text_data=None, bytes_data=None):
            await self.send(text_data)

    async def hears(consumer, *names):
        scene = Scene("Alice", "Bob", consumer=consumer)
        people = {name: await scene.join(name) for name in ("Alice", "Bob")}
        await people["Alice"].say("hello")
        for name in names:
            await people[name].hear()
        return scene.recording

    echo = await hears(Echo, "Alice")
    chat = (await hears(ChatConsumer, "Alice", "Bob")).since(echo)
    new = {(step["source"], step["target"], step["what"]) for step in chat.steps if chat.is_new(step)}
    assert new == {
        ("Alice's consumer", "lobby", "group_add"),
        ("Bob's consumer", "lobby", "group_add"),
        ("Alice's consumer", "lobby", "group_send"),
        ("lobby", "Alice's consumer", "event"),
        ("lobby", "Bob's consumer", "event"),
        ("Bob's consumer", "Bob", "frame"),
    }
    assert 'stroke-width="4"' in chat.picture()


def test_the_arrows_that_a_stage_adds_are_marked():
    """The same scene on what stage 5 leaves and on what stage 6 leaves: the answer to a bad frame is new."""
    from workshop import arrows

    recording = arrows(6)
    new = [step for step in recording.steps if recording.is_new(step)]
    assert [(step["source"], step["target"], step["what"]) for step in new] == [("Bob's consumer", "Bob", "frame")]
    assert "error" in new[0]["payload"]


def test_a_stage_without_a_consumer_has_no_arrows():
    from workshop import WorkshopError, arrows

    with pytest.raises(WorkshopError, match="the first arrows come with stage 3"):
        arrows(2)


def handshake(**headers):
    return [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]


async def test_a_client_that_says_its_name_is_called_by_it_whoever_comes_first(project):
    """connect() says it. A browser can't: the windows get the other names, in the order in which they connect."""
    from workshop.recording import Recording, alone

    from chat.consumers import ChatConsumer

    recording = Recording("Alice", "Bob", "Carol")
    application = recording.start(alone(ChatConsumer))
    carol = WebsocketCommunicator(application, "/ws/chat/lobby/", handshake(workshop_name="Carol"))
    windows = [WebsocketCommunicator(application, "/ws/chat/lobby/") for _ in range(3)]
    for client in (carol, *windows):
        await client.connect()
    assert recording.people() == ["Carol", "Alice", "Bob", "Person 4"]
    for client in (carol, *windows):
        await client.disconnect()


async def test_two_with_one_name_are_two_people_but_who_comes_back_is_the_same(project):
    from workshop.recording import Recording, alone

    from chat.consumers import ChatConsumer

    recording = Recording()
    application = recording.start(alone(ChatConsumer))

    def open_socket():
        return WebsocketCommunicator(application, "/ws/chat/lobby/", handshake(workshop_name="%E8%81%8A"))

    first, second, again = open_socket(), open_socket(), open_socket()
    await first.connect()
    await second.connect()
    await first.disconnect()
    await again.connect()
    assert recording.people() == ["聊", "聊 2"]
    assert [step["source"] for step in recording.steps if step["what"] == "handshake"] == ["聊", "聊 2", "聊"]
    for client in (second, again):
        await client.disconnect()


async def test_two_who_connect_at_the_same_moment_are_two_people():
    from workshop.recording import Recording

    both_are_here = asyncio.Event()
    here = []

    async def application(scope, receive, send):
        here.append(scope)
        if len(here) == 2:
            both_are_here.set()
        await both_are_here.wait()
        await receive()

    async def connect():
        return {"type": "websocket.connect"}

    recording = Recording()
    recorded = recording.start(application, SilentLayer())
    scope = {"type": "websocket", "path": "/ws/chat/lobby/"}
    await asyncio.gather(recorded(scope, connect, None), recorded(scope, connect, None))
    assert sorted(recording.people()) == ["Person 1", "Person 2"]


class SilentLayer:
    """A layer that nobody uses."""

    new_channel = group_add = group_discard = group_send = send = None


def test_live_windows_say_what_they_show_and_stay_in_their_places():
    """A long name is shown as a person writes it, and its window is no wider than the other one."""
    from workshop.drawing import Windows

    urls = ["http://127.0.0.1:1/chat/%E8%81%8A%E5%A4%A9/", "http://127.0.0.1:1/chat/%3Cb%3E/"]
    page = ElementTree.fromstring(Windows(urls)._repr_html_())
    assert [link.text for link in page.iter("a")] == ["http://127.0.0.1:1/chat/聊天/", "http://127.0.0.1:1/chat/<b>/"]
    assert [link.get("href") for link in page.iter("a")] == urls
    assert [frame.get("data-url") for frame in page.iter("iframe")] == urls
    assert all("min-width: 0" in window.get("style") for window in page.findall("div"))
