"""
`manage.py announce lobby "…"` tells one room. Let `manage.py announce --everyone "…"` tell everybody, in whichever
rooms they are, each window once: by a group that each socket joins and leaves. Without a room and without `--everyone`
the command fails, as it does without a text. A notice for one room still stays in it.
"""

import asyncio
from urllib.parse import quote

import pytest
from stage import Person, expect, run_python
from stage.accounts import Account, enter, note_sent
from stage.notices import COMMAND, CONSUMER, VIEWS, next_sent, read, serving

pytestmark = pytest.mark.usefixtures("quick_passwords")
FILE = "chat/notices.py"
STAGE = 13
SOLUTION = [
    (
        "chat/notices.py",
        """\
reminders = set()""",
        """\
EVERYONE = "everyone"  # the group of all sockets: no room's group has this name

reminders = set()""",
    ),
    (
        "chat/notices.py",
        """\
async def tell_user(""",
        '''\
async def tell_everyone(text):
    """Show a notice to everyone, in whichever room."""
    await get_channel_layer().group_send(EVERYONE, {"type": "notice", "text": text})


async def tell_user(''',
    ),
    (
        "chat/consumers.py",
        """\
from chat.people import""",
        """\
from chat.notices import EVERYONE
from chat.people import""",
    ),
    (
        "chat/consumers.py",
        """\
        await self.channel_layer.group_add(self.room_group_name, self.channel_name)
""",
        """\
        await self.channel_layer.group_add(self.room_group_name, self.channel_name)
        await self.channel_layer.group_add(EVERYONE, self.channel_name)
""",
    ),
    (
        "chat/consumers.py",
        """\
            await self.channel_layer.group_discard(self.room_group_name, self.channel_name)
""",
        """\
            await self.channel_layer.group_discard(self.room_group_name, self.channel_name)
            await self.channel_layer.group_discard(EVERYONE, self.channel_name)
""",
    ),
    (
        "chat/views.py",
        """\
from chat.notices import remind_later, tell_room
""",
        """\
from chat.notices import remind_later, tell_everyone, tell_room
""",
    ),
    (
        "chat/views.py",
        """\
        async_to_sync(tell_room)(signed["room"], signed["text"])
""",
        """\
        if signed["room"] is None:
            async_to_sync(tell_everyone)(signed["text"])
        else:
            async_to_sync(tell_room)(signed["room"], signed["text"])
""",
    ),
    (
        "chat/management/commands/announce.py",
        """\
        parser.add_argument("room")
""",
        """\
        parser.add_argument("room", nargs="?")
        parser.add_argument("--everyone", action="store_true", help="in place of a room: tell all rooms")
""",
    ),
    (
        "chat/management/commands/announce.py",
        """\
    def handle(self, *, room, text, server, **options):
""",
        """\
    def handle(self, *, room, text, everyone, server, **options):
        if everyone == (room is not None):
            raise CommandError("Name a room, or say --everyone.")
""",
    ),
    (
        "chat/management/commands/announce.py",
        """\
        self.stdout.write(f"Told everyone in {room}.")
""",
        """\
        self.stdout.write(f"Told everyone in {room}." if room else "Told everyone.")
""",
    ),
]

ALL = "Everybody, in all rooms:"
ONE = "The lobby only:"
JOINS = "connect() adds each socket to one more group, which leave() leaves again, and the notice goes to that group."


@pytest.fixture
def layer(layer):
    note_sent(layer)
    return layer


@pytest.fixture
def person(application, tables, caplog):
    def make(name, account=None, room="lobby"):
        path, cookie = f"/ws/chat/{quote(room)}/", account.cookie if account else None
        return Person(name, application, path, log=caplog.records, cookie=cookie)

    return make


async def announce(project, *arguments):
    return await asyncio.to_thread(run_python, project, "manage.py", "announce", *arguments)


async def notices_of(person):
    """Somebody speaks. Return the notices that they had got before they heard themselves."""
    await person.say("still here")
    notices, frame = [], {}
    while "message" not in frame:
        frame = read(await next_sent(person), person)
        notices.append(frame.get("notice"))
    return notices


async def test_everyone_is_told_once_in_whichever_room(person, layer, application, tables, pytestconfig):
    """announce --everyone reaches each window in all rooms once, and announce lobby nobody but those in the lobby."""
    from asgiref.sync import sync_to_async
    from django.contrib.auth.models import Group

    staff = await Group.objects.acreate(name="staff")
    ada = await sync_to_async(Account)("ada", staff)
    there = [person("Ada", ada), person("Bob")]
    elsewhere = [person("Ada's other window", ada, "聊天室"), person("Ada's third window", ada, "staff")]
    refused = person("Eve", None, "staff")
    await enter(*there, *elsewhere)
    expect(
        not await refused.knock(asked=JOINS, file=CONSUMER),
        seen="Eve came into the members-only room “staff”.",
        asked="check_entry() comes before anything is joined but the user's own group.",
        file=CONSUMER,
    )
    async with serving(application) as server:
        one, everyone, nobody = await asyncio.gather(
            announce(pytestconfig.project, "lobby", ONE, "--server", server),
            announce(pytestconfig.project, "--everyone", ALL, "--server", server),
            announce(pytestconfig.project, ALL, "--server", server),
        )
    for done, what in ((one, "lobby …"), (everyone, "--everyone …")):
        expect(
            done.returncode == 0,
            seen=f"manage.py announce {what} ended with {done.returncode}. It says: "
            f"{(done.stderr.strip().splitlines() or ['nothing'])[-1]}",
            asked='add_argument("--everyone", action="store_true"), and a room that may be missing: nargs="?".',
            file=COMMAND,
        )
    expect(
        "None" not in everyone.stdout,
        seen=f"manage.py announce --everyone … says “{everyone.stdout.strip()}”",
        asked="Where there is no room, the command says that it has told everyone.",
        file=COMMAND,
    )
    expect(
        nobody.returncode != 0 and "Traceback" not in nobody.stderr,
        seen=f"manage.py announce with a text alone ended with {nobody.returncode}: {nobody.stdout.strip()}",
        asked="Without a room and without --everyone, the command raises CommandError.",
        file=COMMAND,
    )
    asked = "The view looks whether the notice names a room: only one that names none is for everyone."
    for each in there + elsewhere:
        notices = await notices_of(each)
        told = notices.count(ALL)
        seen = f"After announce --everyone, {each.name} got the notice {told} times."
        expect(told == 1, seen=seen, asked=JOINS, file=CONSUMER if told else FILE)
        told = notices.count(ONE)
        where = "in the lobby" if each in there else "in another room"
        seen = f"After announce lobby, {each.name} got the notice {told} times, {where}."
        expect(told == (each in there), seen=seen, asked=asked, file=VIEWS)


async def test_whoever_has_left_is_in_no_group(person, layer):
    """After everybody has left, no group holds a channel of theirs."""
    people = [person("Bob"), person("Eve", None, "聊天室")]
    await enter(*people)
    groups = {group for group, channels in layer.groups.items() if len(channels) == len(people)}
    shared = groups - {"user_None"}
    expect(shared, seen="No group holds all sockets, in whichever rooms.", asked=JOINS, file=CONSUMER)
    for each in people:
        await each.leave()
    left = [group for group, channels in layer.groups.items() if channels]
    expect(
        not left,
        seen=f"Everybody has left, and a channel is still in the group {', '.join(left)}.",
        asked="leave() leaves each group that connect() has joined.",
        file=CONSUMER,
    )
