"""
Whoever is taken out of a group has no business in its members-only room. In the admin their sockets end already: its
form saves the user along with the groups. A line of code saves no user, and their sockets stay. Let them end whenever
somebody is taken out of a group, whether the user loses a group (`user.groups.remove(group)`, and `clear()`) or the
group loses a user (`group.user_set.remove(user)`, and `clear()`). Nobody else's socket ends, and nobody's ends because
they have joined a group.
"""

import contextlib

import pytest
from asgiref.sync import sync_to_async
from stage import Person, expect
from stage.accounts import Account, enter, expect_end, expect_open, note_sent

pytestmark = pytest.mark.usefixtures("quick_passwords")
FILE = "chat/signals.py"
STAGE = 10
SOLUTION = [
    (
        "chat/signals.py",
        """\
from django.db.models.signals import post_delete, post_save
""",
        """\
from django.db.models.signals import m2m_changed, post_delete, post_save
""",
    ),
    (
        "chat/signals.py",
        """\
    if update_fields != frozenset({"last_login"}):  # to log in changes the account, too
        end_sockets(instance.pk)
""",
        '''\
    if update_fields != frozenset({"last_login"}):  # to log in changes the account, too
        end_sockets(instance.pk)


@receiver(m2m_changed, sender=get_user_model().groups.through)
def membership_changed(instance, action, reverse, pk_set, **details):
    """Somebody was taken out of a group: from the user's side, or, in reverse, from the group's."""
    if action == "post_remove":
        left = pk_set if reverse else {instance.pk}
    elif action == "pre_clear":  # once it is done, nobody knows any more who was in the group
        left = set(instance.user_set.values_list("pk", flat=True)) if reverse else {instance.pk}
    else:
        return
    for user_id in left:
        end_sockets(user_id)
''',
    ),
]

ENDS = (
    "m2m_changed tells of each change, with its action and its side: instance is the user and pk_set holds groups, or, "
    "if reverse, the other way round. clear() has no pk_set."
)
STAYS = "Only those who were taken out of a group lose their sockets: action says what has happened, pk_set with whom."


@pytest.fixture
def layer(layer):
    note_sent(layer)
    return layer


@pytest.fixture
def staff(tables, layer):
    from django.contrib.auth.models import Group

    return Group.objects.create(pk=1000, name="staff")  # the key of no user


@pytest.fixture
def ada(staff):
    return Account("ada", staff)


@pytest.fixture
def bob(staff):
    return Account("bob", staff)


@pytest.fixture
def person(application, caplog):
    def make(name, account=None, room="staff"):
        cookie = account.cookie if account else None
        return Person(name, application, f"/ws/chat/{room}/", log=caplog.records, cookie=cookie)

    return make


WAYS_OUT = {
    "user.groups.remove(group)": lambda user, group: user.groups.remove(group),
    "group.user_set.remove(user)": lambda user, group: group.user_set.remove(user),
    "user.groups.clear()": lambda user, group: user.groups.clear(),
    "user.groups.set([])": lambda user, group: user.groups.set([]),
}


@pytest.mark.parametrize("how", WAYS_OUT)
async def test_whoever_is_out_of_the_group_is_out_of_its_room(person, layer, staff, ada, bob, how):
    """The sockets of somebody who is taken out of a group end, from whichever side. The other members' stay."""
    own, other, anyone = person("Ada", ada), person("Bob", bob), person("Eve", room="lobby")
    await enter(own, other, anyone)
    layer.sent.clear()
    await sync_to_async(WAYS_OUT[how])(ada.user, staff)
    await expect_end(own, ada, layer, after=how, asked=ENDS)
    await expect_open(other, after=f"{how}, with ada as the user", asked=STAYS, file=FILE)
    await expect_open(anyone, after=f"{how}, with ada as the user", asked=STAYS, file=FILE)


async def test_a_group_that_is_emptied_empties_its_room(person, layer, staff, ada, bob):
    """When a group loses all its users at once, all their sockets end."""
    members = [(person("Ada", ada), ada), (person("Bob", bob), bob)]
    await enter(*[member for member, _ in members])
    layer.sent.clear()
    await sync_to_async(staff.user_set.clear)()
    asked = 'With clear(), pk_set is None: before it, at the action "pre_clear", the group still knows its users.'
    for member, account in members:
        await expect_end(member, account, layer, after="group.user_set.clear()", asked=asked)


async def test_whoever_joins_a_group_stays(person, layer, ada):
    """Whoever is put into a group stays connected, and so does everyone who was in it."""
    from django.contrib.auth.models import Group

    friends = await Group.objects.acreate(name="friends")
    own = person("Ada", ada)
    await enter(own)
    layer.sent.clear()
    await ada.user.groups.aadd(friends)
    await friends.user_set.aadd(ada.user)  # where she is already
    await expect_open(own, after="user.groups.add(group)", asked=STAYS, file=FILE)
    await ada.user.groups.aset([])
    await expect_end(own, ada, layer, after="user.groups.set([])", asked=ENDS)


class Undone(Exception):
    """What undoes a transaction here."""


async def test_what_was_undone_ends_no_socket(person, layer, staff, ada):
    """If the database undoes the change, the member is still one, and stays connected."""
    from django.db import transaction

    def leave(undo):
        with contextlib.suppress(Undone), transaction.atomic():
            staff.user_set.clear()
            if undo:
                raise Undone

    own = person("Ada", ada)
    await enter(own)
    await sync_to_async(leave)(undo=True)
    asked = "end_sockets() waits for the database: nothing else sends the event."
    await expect_open(own, after="group.user_set.clear() and its undoing", asked=asked, file=FILE)
    layer.sent.clear()
    await sync_to_async(leave)(undo=False)
    await expect_end(own, ada, layer, after="group.user_set.clear()", asked=ENDS)
    expect(
        not await ada.user.groups.aexists(),
        seen="After group.user_set.clear(), ada is still in the group.",
        asked="A receiver only looks: it changes nothing.",
        file=FILE,
    )
