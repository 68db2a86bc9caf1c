"""
Classic mistakes: small changes to a stage's right code, each one that people really make.

make_mistake("echo") puts one into notebooks/workspace/, put_back() takes it out again. The list is at the end.
"""

import random
import shutil
from dataclasses import dataclass

from workshop.errors import WorkshopError
from workshop.stages import WORKSPACE, find_notebook, numbers, read_files, remove_files, write_files
from workshop.workspace import Difference, make_copy_folder, say_kept

RECORD = WORKSPACE / ".mistake"  # while a mistake is in: the files that it changed, before/ it and after/ it
NAME = RECORD / "name"  # written last: without it the record is none


@dataclass(frozen=True)
class Mistake:
    """
    A small change to the code that a stage leaves.

    title says what is wrong with the code, and `says` is the part of what check() then says that names the cause.
    edits holds (file, old text, new text): the old text stands in the file once. moves holds (from, to).
    """

    name: str
    stage: int
    title: str
    says: str
    edits: tuple = ()
    moves: tuple = ()

    @property
    def file(self):
        """The file to open: the first one that the mistake changes, where it then is."""
        return self.edits[0][0] if self.edits else self.moves[0][1]

    def apply(self, files):
        """Return these files, {path: bytes}, with the mistake in them. Raises WorkshopError if it doesn't fit."""
        files = dict(files)
        for file, old, new in self.edits:
            content = files.get(file, b"").decode("utf-8", "surrogateescape")
            windows = "\r\n" in content
            content = content.replace("\r\n", "\n")
            if content.count(old) != 1:
                raise WorkshopError(
                    f"Your {file} doesn't have the lines that the mistake {self.name!r} changes:\n\n{old.rstrip()}\n\n"
                    f"Choose another mistake, change your own lines by hand ({self.title}), or start from the lesson's "
                    f"code: open_stage({_following(self.stage)})."
                )
            content = content.replace(old, new)
            files[file] = content.replace("\n", "\r\n" if windows else "\n").encode("utf-8", "surrogateescape")
        for old, new in self.moves:
            if old not in files or new in files:
                raise WorkshopError(
                    f"Your project has no {old} that could move to {new}. Choose another mistake, or start from the "
                    f"lesson's code: open_stage({_following(self.stage)})."
                )
            files[new] = files.pop(old)
        return files


def mistakes(stage):
    """Print the name of each classic mistake of a stage, with what is wrong."""
    of_stage = _mistakes_of(stage)
    width = max(len(mistake.name) for mistake in of_stage)
    for mistake in of_stage:
        print(f"{mistake.name:{width}}  {mistake.title}")


def make_mistake(name):
    """
    Put this mistake into notebooks/workspace/, and return the Difference. put_back() takes it out again.

    Raises WorkshopError if there is no such mistake, one is in your code already, or your code doesn't have the
    lines that it changes.
    """
    found = [mistake for mistake in MISTAKES if mistake.name == name]
    if not found:
        raise WorkshopError(f"There is no mistake called {name!r}. mistakes(3) prints those of stage 3.")
    return _put_in(found[0])


def surprise(stage, seed=None):
    """
    Put one of a stage's mistakes into notebooks/workspace/ and don't tell which. check() has to find it.

    reveal() tells, put_back() takes it out again. The same seed chooses the same mistake.
    """
    files = read_files(WORKSPACE)
    of_stage = _mistakes_of(stage)
    fitting = [mistake for mistake in of_stage if _fits(mistake, files)]
    if not fitting:
        raise WorkshopError(
            f"No mistake of stage {stage} fits your code, which is not the lesson's any more. "
            f"open_stage({_following(of_stage[0].stage)}) starts from the lesson's, and keeps yours."
        )
    _put_in(random.Random(seed).choice(fitting))
    print(f"Something is wrong in your project now. check({stage}) may know what; reveal() does.")


def reveal():
    """Print which mistake is in notebooks/workspace/, and return its Difference."""
    mistake, before, after = _read_record()
    print(f"{mistake.name}: {mistake.title}.")
    return Difference(before, after)


def put_back():
    """
    Give the files back as they were before the mistake.

    What you have changed in them since then is first copied into a folder in notebooks/workspace_copies/, and a
    line says which. Raises WorkshopError if there is no mistake.
    """
    mistake, before, after = _read_record()
    current = {file: content for file, content in read_files(WORKSPACE).items() if file in {*before, *after}}
    if any(content not in (before.get(file), after.get(file)) for file, content in current.items()):
        _keep(current)
    _write(after, before)
    shutil.rmtree(RECORD)
    print(f"As it was: {', '.join(sorted(before))}. The mistake was {mistake.name}: {mistake.title}.")


def _mistakes_of(stage):
    find_notebook(stage)
    of_stage = [mistake for mistake in MISTAKES if str(mistake.stage) == str(stage)]
    if not of_stage:
        raise WorkshopError(f"Stage {stage} has no classic mistakes. The stages from 1 to 8 have some.")
    return of_stage


def _following(stage):
    """Return the next stage that has a notebook: it starts from what this one leaves."""
    return min(number for number in numbers() if number > stage)


def _fits(mistake, files):
    try:
        mistake.apply(files)
    except WorkshopError:
        return False
    return True


def _put_in(mistake):
    if NAME.is_file():
        raise WorkshopError("There is a mistake in your project already. put_back() takes it out.")
    if not WORKSPACE.is_dir():
        raise WorkshopError(f"There is no notebooks/workspace/ yet. open_stage({_following(mistake.stage)}) makes it.")
    files = read_files(WORKSPACE)
    broken = mistake.apply(files)
    changed = {file for file in {*files, *broken} if files.get(file) != broken.get(file)}
    before = {file: files[file] for file in changed if file in files}
    after = {file: broken[file] for file in changed if file in broken}
    # The record is complete before the first file changes, so whatever interrupts this, put_back() knows what to do.
    shutil.rmtree(RECORD, ignore_errors=True)
    write_files(before, RECORD / "before")
    write_files(after, RECORD / "after")
    NAME.write_text(mistake.name, encoding="utf-8")
    _write(before, after)
    return Difference(before, after)


def _read_record():
    """Return the mistake that is in the workspace, and the files that it changed: before it, and with it."""
    if not NAME.is_file():
        raise WorkshopError('There is no mistake in your project. make_mistake("echo") puts one in, say.')
    mistake = next(mistake for mistake in MISTAKES if mistake.name == NAME.read_text(encoding="utf-8"))
    return mistake, read_files(RECORD / "before"), read_files(RECORD / "after")


def _write(old, new):
    """Make those files of the workspace that were `old` be `new`."""
    remove_files(old.keys() - new.keys(), WORKSPACE)
    write_files(new, WORKSPACE)


def _keep(files):
    """Copy these files into a new folder in notebooks/workspace_copies/, and print its name."""
    copy = make_copy_folder()
    write_files(files, copy)
    say_kept(copy)


# Lines that several mistakes change.
DAPHNE = '    "daphne",  # first: it replaces runserver with one that speaks WebSocket\n'
GROUP_ADD = "        await self.channel_layer.group_add(self.room_group_name, self.channel_name)\n"
GROUP_SEND = (
    '        await self.channel_layer.group_send(self.room_group_name, {"type": "chat_msg", "message": message})\n'
)
ROOM_NAME = '    const roomName = JSON.parse(document.querySelector("#room-name").textContent);\n'
PAGE_URL = (
    "    const url = new URL(`/ws/chat/${encodeURIComponent(roomName)}/`, location.href);\n"
    '    url.protocol = url.protocol.replace("http", "ws");  // and so https becomes wss\n'
)

MISTAKES = [
    # Stage 1: the project
    Mistake(
        "dot-forgotten",
        1,
        "startproject was run without the dot at the end",
        "There is no manage.py. But there is tutorial/manage.py",
        moves=(
            ("manage.py", "tutorial/manage.py"),
            ("tutorial/__init__.py", "tutorial/tutorial/__init__.py"),
            ("tutorial/settings.py", "tutorial/tutorial/settings.py"),
            ("tutorial/urls.py", "tutorial/tutorial/urls.py"),
        ),
    ),
    Mistake(
        "app-in-the-wrong-folder",
        1,
        "startapp was run inside tutorial/",
        "There is no chat/__init__.py. But there is tutorial/chat/__init__.py",
        moves=(
            ("chat/__init__.py", "tutorial/chat/__init__.py"),
            ("chat/views.py", "tutorial/chat/views.py"),
        ),
    ),
    Mistake(
        "settings-of-another-project",
        1,
        "manage.py names the settings of a project that was called otherwise",
        "manage.py sets DJANGO_SETTINGS_MODULE to channels_example.settings",
        edits=(("manage.py", "'tutorial.settings'", "'channels_example.settings'"),),
    ),
    Mistake(
        "page-slash-forgotten",
        1,
        "the admin's address has no slash at the end",
        "The admin's address is 'admin', without a slash at the end",
        edits=(("tutorial/urls.py", "    path('admin/', admin", "    path('admin', admin"),),
    ),
    # Stage 2: the settings
    Mistake(
        "daphne-absent",
        2,
        "daphne is not among the apps",
        '"daphne" is not in INSTALLED_APPS',
        edits=(("tutorial/settings.py", DAPHNE, ""),),
    ),
    Mistake(
        "daphne-last",
        2,
        "daphne is not the first of the apps",
        "runserver is the one of django.contrib.staticfiles: it stands before daphne",
        edits=(
            ("tutorial/settings.py", DAPHNE, ""),
            (
                "tutorial/settings.py",
                '    "django.contrib.staticfiles",\n',
                '    "django.contrib.staticfiles",\n    "daphne",\n',
            ),
        ),
    ),
    Mistake(
        "comma-forgotten",
        2,
        "a comma is missing, and so two names become one",
        "No module named 'daphnechat'. Is a comma missing",
        edits=(("tutorial/settings.py", '"daphne",  # first', '"daphne"  # first'),),
    ),
    Mistake(
        "app-absent",
        2,
        "chat is not among the apps",
        '"chat" is not in INSTALLED_APPS',
        edits=(("tutorial/settings.py", '    "chat",\n', ""),),
    ),
    Mistake(
        "asgi-application-missing",
        2,
        "the settings don't say where the root application is",
        "The settings have no ASGI_APPLICATION",
        edits=(("tutorial/settings.py", 'ASGI_APPLICATION = "tutorial.routing.application"\n', ""),),
    ),
    Mistake(
        "asgi-application-misspelt",
        2,
        "ASGI_APPLICATION names an application that is not there",
        "Cannot find 'app' in ASGI_APPLICATION module tutorial.routing",
        edits=(("tutorial/settings.py", '"tutorial.routing.application"', '"tutorial.routing.app"'),),
    ),
    Mistake(
        "layers-misspelt",
        2,
        "the setting is called CHANNEL_LAYER, so Channels doesn't see it",
        "They have CHANNEL_LAYER, which Channels doesn't know",
        edits=(("tutorial/settings.py", "CHANNEL_LAYERS = {", "CHANNEL_LAYER = {"),),
    ),
    Mistake(
        "layer-missing",
        2,
        "no channel layer is set up",
        'The settings have no CHANNEL_LAYERS["default"]',
        edits=(
            (
                "tutorial/settings.py",
                'CHANNEL_LAYERS = {\n    "default": {"BACKEND": "channels.layers.InMemoryChannelLayer"},\n}\n',
                "",
            ),
        ),
    ),
    Mistake(
        "backend-misspelt",
        2,
        "the channel layer's BACKEND names a class that is not there",
        "The layer in memory is channels.layers.InMemoryChannelLayer",
        edits=(("tutorial/settings.py", '"channels.layers.', '"channels.layer.'),),
    ),
    Mistake(
        "http-missing",
        2,
        "the root application has nothing for HTTP: Channels stopped adding that in version 3",
        "The root application has nothing for HTTP",
        edits=(("tutorial/routing.py", '        "http": get_asgi_application(),\n', ""),),
    ),
    Mistake(
        "http-not-called",
        2,
        "the brackets behind get_asgi_application are missing",
        "get_asgi_application stands there without its brackets",
        edits=(("tutorial/routing.py", '"http": get_asgi_application(),', '"http": get_asgi_application,'),),
    ),
    Mistake(
        "websocket-missing",
        2,
        "the root application has nothing for WebSocket",
        "The root application has nothing for WebSocket",
        edits=(
            (
                "tutorial/routing.py",
                '        "websocket": AuthMiddlewareStack(URLRouter(chat.routing.websocket_urlpatterns)),\n',
                "",
            ),
        ),
    ),
    Mistake(
        "auth-forgotten",
        2,
        "nothing puts the user into the scope",
        "The scope that reaches the URLRouter has no user",
        edits=(
            (
                "tutorial/routing.py",
                "AuthMiddlewareStack(URLRouter(chat.routing.websocket_urlpatterns))",
                "URLRouter(chat.routing.websocket_urlpatterns)",
            ),
        ),
    ),
    Mistake(
        "import-order",
        2,
        "asgi.py imports the root application before Django is set up",
        "Django is not set up yet when asgi.py imports tutorial/routing.py",
        edits=(
            (
                "tutorial/asgi.py",
                "from tutorial.routing import application  # noqa: E402, F401\n",
                "",
            ),
            (
                "tutorial/asgi.py",
                "django.setup()  #",
                "from tutorial.routing import application  # noqa: E402, F401\n\ndjango.setup()  #",
            ),
        ),
    ),
    Mistake(
        "asgi-as-it-was",
        2,
        "asgi.py has an application of its own, the one that startproject writes: it knows no sockets",
        "tutorial.asgi has an application of its own",
        edits=(
            (
                "tutorial/asgi.py",
                "from tutorial.routing import application  # noqa: E402, F401\n",
                "from django.core.asgi import get_asgi_application  # noqa: E402\n\n"
                "application = get_asgi_application()\n",
            ),
        ),
    ),
    Mistake(
        "asgi-without-settings",
        2,
        "asgi.py doesn't say which settings are the project's",
        "No settings are named when this line runs",
        edits=(("tutorial/asgi.py", 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tutorial.settings")\n', ""),),
    ),
    Mistake(
        "include-forgotten",
        2,
        "the project doesn't include the app's addresses",
        "No address leads to chat.urls",
        edits=(("tutorial/urls.py", '    path("chat/", include("chat.urls")),\n', ""),),
    ),
    Mistake(
        "include-slash-forgotten",
        2,
        "the address before include has no slash at the end",
        "What leads to chat.urls is 'chat'.",
        edits=(("tutorial/urls.py", 'path("chat/", include', 'path("chat", include'),),
    ),
    # Stage 3: the consumer
    Mistake(
        "accept-forgotten",
        3,
        "connect() never accepts the socket",
        "was neither accepted nor refused",
        edits=(("chat/consumers.py", "        await self.accept()\n", ""),),
    ),
    Mistake(
        "group-add-forgotten",
        3,
        "connect() doesn't add the consumer to the room's group",
        "connect() added nobody to it. Asked: connect() adds the consumer's channel to the group",
        edits=(("chat/consumers.py", GROUP_ADD, ""),),
    ),
    Mistake(
        "accept-first",
        3,
        "connect() accepts the socket before the consumer is in the group",
        "Alice was accepted while her channel was not in the group yet",
        edits=(
            ("chat/consumers.py", "        await self.accept()\n", ""),
            ("chat/consumers.py", GROUP_ADD, "        await self.accept()\n" + GROUP_ADD),
        ),
    ),
    Mistake(
        "group-and-channel-swapped",
        3,
        "group_add gets the channel first and the group second",
        "This is a channel's name where a group's name belongs",
        edits=(
            (
                "chat/consumers.py",
                "group_add(self.room_group_name, self.channel_name)",
                "group_add(self.channel_name, self.room_group_name)",
            ),
        ),
    ),
    Mistake(
        "group-discard-forgotten",
        3,
        "disconnect() leaves the channel in its group",
        "Bob has left, and his channel is still in the group chat_lobby",
        edits=(
            (
                "chat/consumers.py",
                "        await self.channel_layer.group_discard(self.room_group_name, self.channel_name)\n",
                "        pass\n",
            ),
        ),
    ),
    Mistake(
        "one-group-for-all",
        3,
        "every room has the same group",
        "What Alice said in the room lobby went to the group chat_room",
        edits=(("chat/consumers.py", 'f"chat_{room_name}"', '"chat_room"'),),
    ),
    Mistake(
        "name-on-the-class",
        3,
        "the group's name is kept on the class, which all consumers share",
        "What Alice said in the room lobby went to the group chat_kitchen",
        edits=(("chat/consumers.py", "        self.room_group_name = f", "        ChatConsumer.room_group_name = f"),),
    ),
    Mistake(
        "echo",
        3,
        "receive() answers the sender instead of sending to the group",
        "Nothing was sent to a group",
        edits=(("chat/consumers.py", GROUP_SEND, '        await self.send(json.dumps({"message": message}))\n'),),
    ),
    Mistake(
        "send-to-the-groups-name",
        3,
        "receive() calls send() with the group's name, as if the group were a channel",
        "send() takes the name of one channel, and chat_lobby is a group",
        edits=(("chat/consumers.py", "channel_layer.group_send(", "channel_layer.send("),),
    ),
    Mistake(
        "type-missing",
        3,
        "the event has no type",
        'An event without a "type" came to the consumer',
        edits=(("chat/consumers.py", '{"type": "chat_msg", "message": message}', '{"message": message}'),),
    ),
    Mistake(
        "handler-misnamed",
        3,
        "the event's type names a method that the consumer doesn't have",
        "No method of the consumer is called chat_msg",
        edits=(("chat/consumers.py", "async def chat_msg(", "async def chat_message("),),
    ),
    Mistake(
        "await-forgotten",
        3,
        "the await before group_send is missing",
        "group_send() was called without `await`, so it never ran",
        edits=(("chat/consumers.py", "await self.channel_layer.group_send(", "self.channel_layer.group_send("),),
    ),
    Mistake(
        "accept-not-awaited",
        3,
        "the await before accept is missing",
        "accept() was called without `await`, so it never ran",
        edits=(("chat/consumers.py", "await self.accept()", "self.accept()"),),
    ),
    Mistake(
        "async-forgotten",
        3,
        "a method that awaits is not `async def`",
        "'await' outside async function",
        edits=(("chat/consumers.py", "async def chat_msg(", "def chat_msg("),),
    ),
    Mistake(
        "async-to-sync",
        3,
        "async_to_sync is used in a coroutine, which can await",
        "async_to_sync is for synchronous code",
        edits=(
            ("chat/consumers.py", "import json\n", "import json\n\nfrom asgiref.sync import async_to_sync"),
            (
                "chat/consumers.py",
                "await self.channel_layer.group_send(",
                "async_to_sync(self.channel_layer.group_send)(",
            ),
        ),
    ),
    Mistake(
        "blocking-call",
        3,
        "a coroutine calls time.sleep, and so everybody waits",
        "the whole server stood still",
        edits=(
            ("chat/consumers.py", "import json\n", "import json\nimport time\n"),
            ("chat/consumers.py", GROUP_SEND, "        time.sleep(0.5)  # a slow computation, say\n" + GROUP_SEND),
        ),
    ),
    Mistake(
        "database-in-a-coroutine",
        3,
        "a coroutine asks the database without `await`",
        "The chat's consumer needs no database: take this line out",
        edits=(
            (
                "chat/consumers.py",
                "import AsyncWebsocketConsumer\n",
                "import AsyncWebsocketConsumer\nfrom django.contrib.auth.models import User\n",
            ),
            (
                "chat/consumers.py",
                "        await self.accept()\n",
                "        self.registered = User.objects.count()\n        await self.accept()\n",
            ),
        ),
    ),
    Mistake(
        "bytes-for-text",
        3,
        "chat_msg() sends a binary frame",
        "Alice got a binary frame",
        edits=(
            (
                "chat/consumers.py",
                'self.send(json.dumps({"message": event["message"]}))',
                'self.send(bytes_data=json.dumps({"message": event["message"]}).encode())',
            ),
        ),
    ),
    Mistake(
        "dict-for-text",
        3,
        "chat_msg() sends a dict, where a frame is text",
        "a dict where a frame's text belongs",
        edits=(("chat/consumers.py", 'json.dumps({"message": event["message"]})', '{"message": event["message"]}'),),
    ),
    Mistake(
        "json-forgotten",
        3,
        "chat_msg() sends the bare text, where the client expects JSON",
        "Alice got 'hello', which is not JSON",
        edits=(("chat/consumers.py", 'json.dumps({"message": event["message"]})', 'event["message"]'),),
    ),
    Mistake(
        "frame-not-read",
        3,
        "receive() takes the frame's text for a dict",
        "The frame is text, not a dict yet",
        edits=(("chat/consumers.py", 'json.loads(text_data)["message"]', 'text_data["message"]'),),
    ),
    # Stage 4: routing
    Mistake(
        "as-asgi-forgotten",
        4,
        "the route leads to the consumer's class and not to an application",
        "as_asgi() is missing behind the consumer",
        edits=(("chat/routing.py", "consumers.ChatConsumer.as_asgi()", "consumers.ChatConsumer"),),
    ),
    Mistake(
        "as-asgi-not-called",
        4,
        "the brackets behind as_asgi are missing",
        "as_asgi stands there without its brackets",
        edits=(("chat/routing.py", "as_asgi()", "as_asgi"),),
    ),
    Mistake(
        "route-slash-forgotten",
        4,
        "the route has no slash at the end",
        "This route ends without the slash that the address has",
        edits=(("chat/routing.py", "<str:room_name>/", "<str:room_name>"),),
    ),
    Mistake(
        "route-begins-with-a-slash",
        4,
        "the route begins with a slash, and Channels has taken that off already",
        "This route begins with a slash",
        edits=(("chat/routing.py", '"ws/chat/', '"/ws/chat/'),),
    ),
    Mistake(
        "route-without-ws",
        4,
        "the route has the page's address and not the socket's",
        "The routes are: 'chat/<str:room_name>/'.",
        edits=(("chat/routing.py", '"ws/chat/', '"chat/'),),
    ),
    Mistake(
        "route-names-it-otherwise",
        4,
        "the route and the consumer call the room's name differently",
        "No part of the route is called room_name",
        edits=(("chat/routing.py", "<str:room_name>", "<str:room>"),),
    ),
    Mistake(
        "regular-expression-in-path",
        4,
        "path() takes no regular expression: that is what re_path() is for",
        "a regular expression belongs in re_path()",
        edits=(("chat/routing.py", '"ws/chat/<str:room_name>/"', 'r"^ws/chat/(?P<room_name>[^/]+)/$"'),),
    ),
    Mistake(
        "route-takes-slashes",
        4,
        "the room's name may hold slashes",
        "The route takes /ws/chat/a/b/ for a room's socket",
        edits=(("chat/routing.py", "<str:room_name>", "<path:room_name>"),),
    ),
    Mistake(
        "route-of-word-characters",
        4,
        r"the pattern \w+ takes no hyphen, so some rooms have no socket",
        r"This route takes the name lobby, and not every name: \w+ takes no hyphen",
        edits=(
            ("chat/routing.py", "from django.urls import path", "from django.urls import re_path"),
            ("chat/routing.py", 'path("ws/chat/<str:room_name>/"', r're_path(r"^ws/chat/(?P<room_name>\w+)/$"'),
        ),
    ),
    Mistake(
        "route-without-an-end",
        4,
        "the pattern has no $, so anything may follow",
        "The pattern has no $ at its end",
        edits=(
            ("chat/routing.py", "from django.urls import path", "from django.urls import re_path"),
            ("chat/routing.py", 'path("ws/chat/<str:room_name>/"', r're_path(r"^ws/chat/(?P<room_name>[^/]+)/"'),
        ),
    ),
    Mistake(
        "routes-misnamed",
        4,
        "the list of routes has the name that urls.py uses",
        "has no attribute 'websocket_urlpatterns'",
        edits=(("chat/routing.py", "websocket_urlpatterns = [", "urlpatterns = ["),),
    ),
    # Stage 5: the page
    Mistake(
        "template-in-the-wrong-folder",
        5,
        "the template doesn't lie in the app's folder of that name",
        "There is no chat/templates/chat/room.html. But there is chat/templates/room.html",
        moves=(("chat/templates/chat/room.html", "chat/templates/room.html"),),
    ),
    Mistake(
        "page-route-slash-forgotten",
        5,
        "the room's address has no slash at the end",
        "GET /chat/lobby answered 200: the route has no slash at its end",
        edits=(("chat/urls.py", '"<str:room_name>/"', '"<str:room_name>"'),),
    ),
    Mistake(
        "route-and-view-differ",
        5,
        "the route and the view call the room's name differently",
        "The route gives the view a part that the view doesn't take",
        edits=(("chat/urls.py", "<str:room_name>", "<str:name>"),),
    ),
    Mistake(
        "route-without-a-name",
        5,
        "the route has no name, and redirect() looks for it",
        "No route is called room",
        edits=(("chat/urls.py", 'views.room, name="room"', "views.room"),),
    ),
    Mistake(
        "context-forgotten",
        5,
        "the view doesn't tell the template the room's name",
        "The script reads '' as the room's name, in every room",
        edits=(("chat/views.py", '"chat/room.html", {"room_name": room_name})', '"chat/room.html")'),),
    ),
    Mistake(
        "field-misnamed",
        5,
        "the form sends the room's name under a name that the view doesn't ask for",
        "led to '/chat/?name=lobby'",
        edits=(("chat/templates/chat/index.html", 'name="room"', 'name="name"'),),
    ),
    Mistake(
        "id-renamed",
        5,
        "the HTML has an id that the script doesn't know",
        "no element with the id chat-log",
        edits=(("chat/templates/chat/room.html", 'id="chat-log"', 'id="chatlog"'),),
    ),
    Mistake(
        "id-misspelt-in-the-script",
        5,
        "the script looks for an element that is not there",
        "The script looks for #chat-messages, and no element has that id",
        edits=(("chat/templates/chat/room.html", 'querySelector("#chat-log")', 'querySelector("#chat-messages")'),),
    ),
    Mistake(
        "ws-hard-coded",
        5,
        "the socket's address begins with ws:// always",
        "address begins with ws:// always",
        edits=(
            (
                "chat/templates/chat/room.html",
                PAGE_URL,
                '    const url = "ws://" + location.host + `/ws/chat/${encodeURIComponent(roomName)}/`;\n',
            ),
        ),
    ),
    Mistake(
        "socket-slash-forgotten",
        5,
        "the socket's address has no slash at the end",
        "The socket's address in the script ends without a slash",
        edits=(("chat/templates/chat/room.html", "(roomName)}/`", "(roomName)}`"),),
    ),
    Mistake(
        "room-name-unescaped",
        5,
        "the room's name stands in the socket's address as it is",
        "a room called a#b has no socket",
        edits=(("chat/templates/chat/room.html", "${encodeURIComponent(roomName)}", "${roomName}"),),
    ),
    Mistake(
        "mark-safe",
        5,
        "the room's name goes into the script unescaped, as in the document",
        "stands in the page unescaped: the view passes it through mark_safe",
        edits=(
            (
                "chat/views.py",
                'render(request, "chat/room.html", {"room_name": room_name})',
                'render(request, "chat/room.html", {"room_name_json": mark_safe(json.dumps(room_name))})',
            ),
            (
                "chat/views.py",
                "from django.shortcuts import redirect, render\n",
                "import json\n\nfrom django.shortcuts import redirect, render\n"
                "from django.utils.safestring import mark_safe\n",
            ),
            ("chat/templates/chat/room.html", ROOM_NAME, "    const roomName = {{ room_name_json }};\n"),
        ),
    ),
    Mistake(
        "name-in-quotes",
        5,
        "the room's name stands in the script between quotes, escaped for HTML",
        "Django escaped it for HTML, and a script doesn't undo that",
        edits=(("chat/templates/chat/room.html", ROOM_NAME, '    const roomName = "{{ room_name }}";\n'),),
    ),
    Mistake(
        "page-loads-anew",
        5,
        "the form is sent, and the browser loads the page anew",
        "The script never calls preventDefault()",
        edits=(
            (
                "chat/templates/chat/room.html",
                "      event.preventDefault();  // or the browser would load the page anew\n",
                "",
            ),
        ),
    ),
    Mistake(
        "stringify-forgotten",
        5,
        "the script sends the bare text, where the consumer expects JSON",
        "The script never calls JSON.stringify()",
        edits=(
            (
                "chat/templates/chat/room.html",
                "socket.send(JSON.stringify({message: input.value}))",
                "socket.send(input.value)",
            ),
        ),
    ),
    Mistake(
        "frame-not-parsed",
        5,
        "the script takes the frame's text for an object",
        "The script takes .message of a frame's text",
        edits=(("chat/templates/chat/room.html", "JSON.parse(event.data).message", "event.data.message"),),
    ),
    # Stage 6: trust nothing
    Mistake(
        "recursion-dropped",
        6,
        "a frame of many brackets ends the socket",
        "Catch RecursionError as well as ValueError",
        edits=(("chat/messages.py", "except (ValueError, RecursionError):", "except ValueError:"),),
    ),
    Mistake(
        "nan-passes",
        6,
        "Python reads NaN, and JSON has no such thing",
        "Python reads NaN, and JSON has none: json.loads(text_data, parse_constant=f)",
        edits=(
            (
                "chat/messages.py",
                "json.loads(text_data, parse_constant=refuse_constant)",
                "json.loads(text_data)",
            ),
        ),
    ),
    Mistake(
        "blank-passes",
        6,
        "a blank message goes to the room",
        "parse_message() raises Refused for a blank message",
        edits=(("chat/messages.py", "if is_blank(message):", "if message is None:"),),
    ),
    Mistake(
        "error-to-everyone",
        6,
        "the whole room gets the error, and not its sender alone",
        "Bob heard of it too",
        edits=(
            (
                "chat/sockets.py",
                '            await self.send(json.dumps({"error": str(refused), "frame": self.frames}))\n',
                '            event = {"type": "chat_error", "error": str(refused), "frame": self.frames}\n'
                "            await self.channel_layer.group_send(self.room_group_name, event)\n",
            ),
            (
                "chat/sockets.py",
                "    async def leave(self):\n",
                "    async def chat_error(self, event):\n"
                '        await self.send(json.dumps({"error": event["error"], "frame": event["frame"]}))\n'
                "\n"
                "    async def leave(self):\n",
            ),
        ),
    ),
    Mistake(
        "close-on-error",
        6,
        "a bad frame costs its sender the socket",
        "the server closed Alice's socket",
        edits=(
            (
                "chat/sockets.py",
                '            await self.send(json.dumps({"error": str(refused), "frame": self.frames}))\n',
                "            await self.close()\n",
            ),
        ),
    ),
    Mistake(
        "frames-not-counted",
        6,
        "nobody counts the client's frames, so an error doesn't say which one it is about",
        "Alice's frame number 2 was bad, and she got",
        edits=(("chat/sockets.py", "        self.frames += 1\n", ""),),
    ),
    Mistake(
        "value-error-for-refused",
        6,
        "what a person should read is an error like any other, and ends the socket",
        "ValueError: This frame is not JSON that can be read",
        edits=(
            ("chat/messages.py", 'raise Refused(f"This frame is not JSON', 'raise ValueError(f"This frame is not JSON'),
        ),
    ),
    Mistake(
        "disconnect-for-leave",
        6,
        "the consumer leaves its group in disconnect(), which doesn't run after an error",
        "her channel is still in the group chat_lobby. Asked: Rename disconnect() to leave()",
        edits=(("chat/consumers.py", "    async def leave(self):\n", "    async def disconnect(self, close_code):\n"),),
    ),
    Mistake(
        "leave-without-finally",
        6,
        "leave() comes after the consumer's life, so an error passes it by",
        "Alice's consumer died of an error, and her channel is still in the group chat_lobby",
        edits=(
            (
                "chat/sockets.py",
                "        try:\n"
                "            await super().__call__(scope, receive, send)\n"
                "        finally:\n"
                "            await self.leave()\n",
                "        await super().__call__(scope, receive, send)\n        await self.leave()\n",
            ),
        ),
    ),
    Mistake(
        "discard-dropped",
        6,
        "leave() leaves the channel in its group",
        "Carol has left, and her channel is still in the group chat_lobby",
        edits=(
            (
                "chat/consumers.py",
                "            await self.channel_layer.group_discard(self.room_group_name, self.channel_name)\n",
                "            pass\n",
            ),
        ),
    ),
    Mistake(
        "leave-without-a-room",
        6,
        "leave() takes for granted that connect() has joined a room",
        "'ChatConsumer' object has no attribute 'room_group_name'",
        edits=(
            ("chat/consumers.py", "    room_group_name = None  # until the room's name is known\n\n", ""),
            (
                "chat/consumers.py",
                "        if self.room_group_name is not None:\n            await self",
                "        await self",
            ),
        ),
    ),
    Mistake(
        "socket-rule-forgotten",
        6,
        "the socket doesn't ask the rule of rooms.py",
        "The socket of 'xxxxxxxxxxxx' wasn't refused",
        edits=(
            (
                "chat/consumers.py",
                'clean_name(self.scope["url_route"]["kwargs"]["room_name"])',
                'self.scope["url_route"]["kwargs"]["room_name"]',
            ),
        ),
    ),
    Mistake(
        "page-rule-forgotten",
        6,
        "the page doesn't ask the rule of rooms.py",
        "without an element room-name-problem. Asked: The view calls clean_name()",
        edits=(("chat/views.py", "        name = clean_name(room_name)\n", "        name = room_name\n"),),
    ),
    Mistake(
        "accents-apart",
        6,
        "é is one room where it is one character, and another where it is two",
        "Bob got nothing within",
        edits=(("chat/rooms.py", 'unicodedata.normalize("NFC", SPACES.sub(" ", text))', 'SPACES.sub(" ", text)'),),
    ),
    Mistake(
        "redirect-unescaped",
        6,
        "the address that the view redirects to is put together by hand",
        "Typing 'a#b' on /chat/ led to '/chat/a",
        edits=(
            (
                "chat/views.py",
                'redirect("room", room_name=clean_name(typed))',
                'redirect(f"/chat/{clean_name(typed)}/")',
            ),
        ),
    ),
    Mistake(
        "digest-prefix",
        6,
        "a digest's group name can be a plain name's too",
        "The second is named after the first one's digest",
        edits=(("chat/rooms.py", 'f"chat-{hashlib', 'f"chat_{hashlib'),),
    ),
    Mistake(
        "characters-dropped",
        6,
        "characters that a layer doesn't take are left out, and rooms fall together",
        "share the group",
        edits=(
            (
                "chat/rooms.py",
                'return f"chat-{hashlib.sha256(room_name.encode()).hexdigest()}"',
                'return "chat-" + "".join(PLAIN_NAME.findall(room_name))',
            ),
        ),
    ),
    Mistake(
        "origin-not-checked",
        6,
        "a page from anywhere may open a socket",
        "A socket with the Origin 'http://elsewhere.example' was accepted",
        edits=(
            (
                "tutorial/routing.py",
                '"websocket": OriginCheck(\n',
                '"websocket": (\n',
            ),
        ),
    ),
    Mistake(
        "origin-inside-out",
        6,
        "the origin check lets in whom it should refuse, and refuses the others",
        "OriginCheck refused a page whose host is in ALLOWED_HOSTS",
        edits=(("tutorial/middleware.py", "        if allowed:\n", "        if not allowed:\n"),),
    ),
    Mistake(
        "catch-all-first",
        6,
        "the route that matches any path stands first",
        "The first route that matches a room's socket refuses it",
        edits=(
            (
                "tutorial/routing.py",
                '                        re_path("", no_such_socket),  # last: it matches any path\n',
                "",
            ),
            (
                "tutorial/routing.py",
                "                        *chat.routing.websocket_urlpatterns,\n",
                '                        re_path("", no_such_socket),\n'
                "                        *chat.routing.websocket_urlpatterns,\n",
            ),
        ),
    ),
    Mistake(
        "catch-all-forgotten",
        6,
        "a path without a route is a traceback",
        "No route found for path 'ws/chat/lobby'. A page of traceback",
        edits=(
            (
                "tutorial/routing.py",
                '                        re_path("", no_such_socket),  # last: it matches any path\n',
                "",
            ),
        ),
    ),
    Mistake(
        "old-cookie",
        6,
        "a cookie that can't be read ends the handshake",
        "resolve_scope() catches DatabaseError as well as ValidationError",
        edits=(
            (
                "tutorial/middleware.py",
                "except (DatabaseError, ValidationError) as error:",
                "except ValidationError as error:",
            ),
        ),
    ),
    # Stage 7: the channel layer
    Mistake(
        "capacity-too-small",
        7,
        "a class that speaks at once doesn't fit into a mailbox",
        "Of 600 messages 500 are in the mailbox",
        edits=(("tutorial/settings.py", "CAPACITY = 10_000", "CAPACITY = 500"),),
    ),
    Mistake(
        "channel-capacity",
        7,
        "channel_capacity is another setting, for single channels",
        "channel_capacity doesn't work in this version of Channels",
        edits=(
            (
                "tutorial/settings.py",
                '"CONFIG": {"capacity": CAPACITY}',
                '"CONFIG": {"channel_capacity": {"*": CAPACITY}}',
            ),
        ),
    ),
    Mistake(
        "redis-url-ignored",
        7,
        "the settings look for another name in the environment",
        "the layer is: InMemoryChannelLayer",
        edits=(("tutorial/settings.py", 'if "REDIS_URL" in', 'if "REDIS" in'),),
    ),
    Mistake(
        "redis-address-fixed",
        7,
        "the address in REDIS_URL is not used",
        "the layer is: RedisChannelLayer, redis://127.0.0.1:6379",
        edits=(("tutorial/settings.py", 'os.environ["REDIS_URL"], "socket', '"redis://127.0.0.1:6379", "socket'),),
    ),
    Mistake(
        "redis-backend-misspelt",
        7,
        "Redis's BACKEND names a class that is not there",
        "channels_redis.RedisChannelLayer",
        edits=(("tutorial/settings.py", '"channels_redis.core.', '"channels_redis.'),),
    ),
    Mistake(
        "another-connection-error",
        7,
        "the ConnectionError that is caught is Python's own, and not redis-py's",
        "Nothing caught the layer's ConnectionError",
        edits=(
            (
                "tutorial/outages.py",
                "        except RedisError as error:\n",
                "        except ConnectionError as error:\n",
            ),
        ),
    ),
    Mistake(
        "outage-not-used",
        7,
        "nothing stands around the chat that expects an outage",
        "Nothing caught the layer's ConnectionError",
        edits=(("tutorial/routing.py", '"websocket": OutageNotice(\n', '"websocket": (\n'),),
    ),
    Mistake(
        "outage-in-silence",
        7,
        "the sockets end, and the log doesn't say why",
        "The socket was refused, and the log has []",
        edits=(
            (
                "tutorial/outages.py",
                "            logger.error(\"Ended the socket %r: the channel layer doesn't "
                'answer: %s", scope["path"], error)\n',
                "",
            ),
            ("tutorial/outages.py", "        except RedisError as error:\n", "        except RedisError:\n"),
        ),
    ),
    # Stage 8: a full class
    Mistake(
        "layer-of-channels",
        8,
        "the settings still name Channels' own layer",
        "The layer is channels.layers.InMemoryChannelLayer.",
        edits=(("tutorial/settings.py", '"chat.layers.ClassroomInMemory', '"channels.layers.InMemory'),),
    ),
    Mistake(
        "layer-misspelt",
        8,
        "BACKEND names a class that chat/layers.py doesn't have",
        "BACKEND in CHANNEL_LAYERS names a class of the project's that is not there",
        edits=(("tutorial/settings.py", '"chat.layers.ClassroomInMemory', '"chat.layers.ClassRoomInMemory'),),
    ),
    Mistake(
        "expiry-forgotten",
        8,
        "who is behind for a minute loses what has waited, and nothing says so",
        "A message waited in a mailbox for ten minutes, and was thrown away",
        edits=(("tutorial/settings.py", '"capacity": CAPACITY, "expiry": 24 * 60 * 60}', '"capacity": CAPACITY}'),),
    ),
    Mistake(
        "cleans-each-time",
        8,
        "nothing sets next_clean, so the layer looks through all it has at each receive",
        "the more people, the more work for each of them",
        edits=(("chat/layers.py", "            self.next_clean = now + self.CLEAN_EVERY\n", ""),),
    ),
    Mistake(
        "cleans-never",
        8,
        "the condition stands the wrong way round, so the layer never cleans up",
        "A message has waited for an hour more than the layer's expiry, and it is still in its mailbox",
        edits=(("chat/layers.py", "if now >= self.next_clean:", "if now < self.next_clean:"),),
    ),
    Mistake(
        "waits-for-room",
        8,
        "group_send waits until there is room in a full mailbox, and everyone waits with it",
        "Bob got nothing within 0.5 s after a message that found the mailbox before his full",
        edits=(
            (
                "chat/layers.py",
                "                self.mailbox(channel).put_nowait((expires, dict(message)))\n",
                "                await self.mailbox(channel).put((expires, dict(message)))\n",
            ),
        ),
    ),
    Mistake(
        "full-ends-the-loop",
        8,
        "try stands around the loop, so whoever comes after a full mailbox gets nothing",
        "Bob got nothing within 0.5 s after a message that found the mailbox before his full",
        edits=(
            (
                "chat/layers.py",
                "        for channel in members:\n"
                "            try:\n"
                "                self.mailbox(channel).put_nowait((expires, dict(message)))\n"
                "            except asyncio.QueueFull:\n"
                "                full += 1\n",
                "        try:\n"
                "            for channel in members:\n"
                "                self.mailbox(channel).put_nowait((expires, dict(message)))\n"
                "        except asyncio.QueueFull:\n"
                "            full += 1\n",
            ),
        ),
    ),
    Mistake(
        "loss-swallowed",
        8,
        "group_send passes over a full mailbox and says nothing, as Channels' own does",
        "group_send() raised no MailboxesFull",
        edits=(("chat/layers.py", "                full += 1\n", "                pass\n"),),
    ),
    Mistake(
        "loss-not-refused",
        8,
        "MailboxesFull is no Refused, so nobody tells the sender, and who speaks loses the socket",
        "Nothing told the sender",
        edits=(("chat/layers.py", "class MailboxesFull(ChannelFull, Refused):", "class MailboxesFull(ChannelFull):"),),
    ),
    Mistake(
        "mailbox-left",
        8,
        "the mailbox of who has gone stays in the layer",
        "101 people came and went, and 101 mailboxes are left",
        edits=(
            (
                "chat/layers.py",
                "        asyncio.current_task().add_done_callback(lambda task: self.channels.pop(channel, None))\n",
                "",
            ),
        ),
    ),
    Mistake(
        "log-at-every-loss",
        8,
        "the log gets a line for each loss, thousands where a class speaks at once",
        "3 deliveries were lost in the lobby in a second, and the log has 3 lines of it",
        edits=(
            (
                "chat/sockets.py",
                'self.channel_layer.lost.note(self.scope["path"], refused.number)',
                'logger.error("Deliveries lost at %r: %d.", self.scope["path"], refused.number)',
            ),
        ),
    ),
    Mistake(
        "event-as-cache-key",
        8,
        "make_frame gets the whole event, and a cache can't look up a dict",
        "A cache looks its arguments up in a dict",
        edits=(
            ("chat/consumers.py", 'make_frame(event["message"])', "make_frame(event)"),
            ("chat/messages.py", "def make_frame(message):", "def make_frame(event):"),
            ("chat/messages.py", 'json.dumps({"message": message})', 'json.dumps({"message": event["message"]})'),
        ),
    ),
    Mistake(
        "stop-consumer-not-caught",
        8,
        "nothing catches StopConsumer, and each who leaves is a page of traceback",
        "__call__ catches StopConsumer",
        edits=(("chat/sockets.py", "        except StopConsumer:  #", "        except StopAsyncIteration:  #"),),
    ),
    Mistake(
        "lock-forgotten",
        8,
        "the two readers handle their events without the lock",
        "Bob's consumer handled a message while connect() was still at work",
        edits=(
            (
                "chat/sockets.py",
                "            async with self.one_at_a_time:\n                await self.dispatch(event)\n",
                "            await self.dispatch(event)\n",
            ),
        ),
    ),
    Mistake(
        "handler-not-awaited",
        8,
        "the await before the handler is missing in dispatch",
        "websocket_connect() was called without `await`, so it never ran",
        edits=(("chat/sockets.py", "        await handler(event)\n", "        handler(event)\n"),),
    ),
    Mistake(
        "dispatch-of-channels",
        8,
        "dispatch is Channels' own, which asks another thread for each event",
        "jobs to another thread",
        edits=(("chat/sockets.py", "    async def dispatch(self, event):\n", "    async def deliver(self, event):\n"),),
    ),
    Mistake(
        "waits-for-both-readers",
        8,
        "__call__ waits until both readers have ended, and one of them never does",
        "An error in one of the two readers didn't end the consumer",
        edits=(
            (
                "chat/sockets.py",
                "            await asyncio.gather(*readers)\n",
                "            await asyncio.wait(readers)\n",
            ),
        ),
    ),
    Mistake(
        "readers-not-cancelled",
        8,
        "the reader of the mailbox goes on when the client has gone",
        "Two consumers have ended. Left are 2 tasks",
        edits=(
            (
                "chat/sockets.py",
                "            while not all(reader.done() for reader in readers):\n",
                "            while False:\n",
            ),
        ),
    ),
    Mistake(
        "backpressure-not-used",
        8,
        "nothing slows down who sends without a break",
        "the server took in 32 MiB of others",
        edits=(("tutorial/routing.py", '"websocket": Backpressure(\n', '"websocket": (\n'),),
    ),
    Mistake(
        "turn-not-awaited",
        8,
        "the await before asyncio.sleep is missing, so it is never the others' turn",
        "sleep() was called without `await`, so it never ran",
        edits=(("tutorial/backpressure.py", "await asyncio.sleep(0)  # now", "asyncio.sleep(0)  # now"),),
    ),
    Mistake(
        "resume-forgotten",
        8,
        "after a client's first frame the server never reads from it again",
        "receive_in_turn() calls resume_reading() before it waits for the next frame",
        edits=(
            (
                "tutorial/backpressure.py",
                "            connection.resume_reading()\n            event",
                "            event",
            ),
        ),
    ),
    Mistake(
        "deaf-kept",
        8,
        "nobody looks at what waits for a client, so a client that doesn't read is kept for ever",
        "didn't read. 24 MiB were sent to them, and waited in the server",
        edits=(
            (
                "tutorial/backpressure.py",
                "                return\n            if connection.waiting() > MAY_WAIT:\n",
                "                return\n            if False:\n",
            ),
        ),
    ),
]
