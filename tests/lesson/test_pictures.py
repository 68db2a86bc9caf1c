"""The recordings and their pictures: drawn from what happened, and the same for the same run."""

import asyncio
import contextlib
import difflib
from xml.etree import ElementTree

import pytest
from channels.exceptions import ChannelFull
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
