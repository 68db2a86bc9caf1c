"""
The further stages in the world: a real nginx in front of two real daphnes, which a real Redis connects.
"""

import asyncio
import contextlib
import uuid
from types import SimpleNamespace
from urllib.parse import quote

import pytest
import running
from further import CROWD, Member, Peopled, hear, make_people, write_project
from running import need, say
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from workshop.lesson.files import write_files
from workshop.lesson.stages import built_on
from workshop.processes.deployment import Deployment
from workshop.processes.programs import HOW_TO_GET, find_program

pytestmark = pytest.mark.xdist_group("browser 4")

SMALL = 40  # people, in the room whose one half loses its server


class World(Peopled):
    """A deployment, as the tests see it: a server that speaks HTTPS."""

    def __init__(self, project, options):
        self.deployment = Deployment(project, 2, True, options)
        self.folder = self.deployment.folder / "chat"
        self.process_environment = self.deployment.environment()
        self.port = self.deployment.servers[0].port.number  # past nginx
        self.url = self.deployment.url.rstrip("/")

    def enter(self, room, **options):
        """Open a socket through nginx, with TLS."""
        return connect(
            f"{self.url.replace('http', 'ws', 1)}/ws/chat/{quote(room, safe='')}/",
            ssl=self.deployment.tls,
            origin=self.url,
            proxy=None,
            compression=None,
            open_timeout=20,
            **options,
        )


@contextlib.contextmanager
def deploy(project, *options):
    for program in ("nginx", "redis-server"):
        need(find_program(program), program, HOW_TO_GET[program])
    world = World(project, options)
    with world.deployment:
        yield world
        for server in world.deployment.servers:
            assert "Traceback" not in server.log(), server.log()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    project = tmp_path_factory.mktemp("project")
    write_project(project)
    # A second without an answer to a ping is enough here, in place of thirty.
    with deploy(project, "--ping-interval", "1", "--ping-timeout", "1") as world:
        world.sessions = make_people(world.folder, world.process_environment)
        yield world


async def test_200_people_in_two_processes_hear_everything(tmp_path):
    write_files(built_on((15,)), tmp_path)
    with deploy(tmp_path) as world:
        async with contextlib.AsyncExitStack() as stack:
            people = [await stack.enter_async_context(world.enter("crowd")) for _ in range(CROWD)]

            async def take_part(number, socket):
                await say(socket, f"I am {number}")
                return [(await hear(socket))["message"] for _ in range(CROWD)]

            heard = await asyncio.gather(*(take_part(*each) for each in enumerate(people)))
        said = {f"I am {number}" for number in range(CROWD)}
        for each in heard:
            assert set(each) == said
        entered = [server.log().count('"WSCONNECT ') for server in world.deployment.servers]
        assert sum(entered) == CROWD and min(entered) >= CROWD // 3, "both servers have their share of the people"


@contextlib.contextmanager
def without(world, number):
    """Kill one of the two servers, and start it again afterwards."""
    world.deployment.kill(number)
    try:
        yield
    finally:
        world.deployment.revive(number)


async def test_a_process_is_killed_and_its_people_come_back_and_have_everything(world):
    begin = asyncio.Event()
    crowd = [Member(world, number, expected=2 * SMALL) for number in range(SMALL)]
    for member in crowd:
        member.outbox.append({"message": "and I am still here", "id": uuid.uuid4().hex})
    members = [asyncio.create_task(member.take_part(begin)) for member in crowd]
    await asyncio.gather(*(member.is_here.wait() for member in crowd))
    begin.set()
    await crowd[0].has_heard_half.wait()
    with without(world, 1):
        await asyncio.gather(*members)
    history = world.said("crowd")
    assert [each["number"] for each in history] == [*range(1, 2 * SMALL + 1)]
    said = [(member.name, text) for member in crowd for text in (f"I am {member.name}", "and I am still here")]
    assert sorted((each["name"], each["message"]) for each in history) == sorted(said)
    for member in crowd:
        assert member.heard == history
    came_back = sum(member.connections == 2 for member in crowd)
    assert SMALL // 4 <= came_back <= SMALL * 3 // 4, "those of one server"
    assert came_back + sum(member.connections == 1 for member in crowd) == SMALL


def test_a_window_comes_back_whichever_process_is_killed(window, second_window, world):
    # Two people in one browser: cookies belong to the name of a host, and these are two names.
    people = {"ada": (window, world.url), "bob": (second_window, world.url.replace("localhost", "127.0.0.1"))}
    said = []
    for name, (each, url) in people.items():
        each.look().get(f"{url}/chat/")
        each.browser.add_cookie({"name": "sessionid", "value": world.sessions[name]})
        each.enter(SimpleNamespace(url=url), "lobby")
    for number in (1, 2):
        with without(world, number):
            for name, (each, _) in people.items():
                said.append(f"▸ {name}: without {number}\n")
                each.post(f"without {number}")
                for one, _ in people.values():
                    one.until_log("".join(said))
    assert world.expected_log("lobby") == "".join(said)
    assert (window.error, second_window.error) == ("", "")


def at(world, number, path, **options):
    """Open a socket to one of the two servers, past nginx."""
    port = world.deployment.servers[number - 1].port.number
    return connect(f"ws://127.0.0.1:{port}{path}", origin=f"http://127.0.0.1:{port}", proxy=None, **options)


async def test_a_token_that_one_process_has_seen_is_worth_nothing_at_the_other(world):
    path = f"/ws/chat/tokens/?token={world.get_token('bob')}"
    async with at(world, 1, path):
        with pytest.raises(InvalidStatus) as refused:
            await at(world, 2, path)
    assert refused.value.response.status_code == 403


async def test_an_announcement_reaches_the_people_of_both_processes(world):
    path = "/ws/chat/announced/"
    async with at(world, 1, path) as first, at(world, 2, path) as second:
        for socket in (first, second):
            assert await hear(socket) == {"history": []}
        server = f"127.0.0.1:{world.port}"
        await asyncio.to_thread(world.manage, "announce", "announced", "It is time.", "--server", server)
        for socket in (first, second):
            assert await hear(socket) == {"notice": "It is time."}


async def test_everyone_is_seen_at_both_processes_and_who_vanishes_without_a_word_is_gone(world):
    path = "/ws/chat/seen/"
    async with at(world, 1, path, additional_headers=world.cookie("ada")) as ada:
        ((first, name),) = (await running.hear(ada))["people"]
        assert name == "ada"
        async with at(world, 2, path, additional_headers=world.cookie("bob")) as bob:
            people = (await running.hear(bob))["people"]
            assert [name for _, name in people] == ["ada", "bob"]
            while {"here": people[1]} != await running.hear(ada):
                pass
            ada.transport.pause_reading()  # her computer sleeps: it answers no ping, and says no goodbye
            while {"gone": first} != await running.hear(bob):
                pass
