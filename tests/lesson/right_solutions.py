"""
Right solutions that are written differently from the lesson's: no stage's tests may blame them.

Each is a change to what the stage leaves, like a mistake. An edit whose old text is empty makes a new file.
"""

from functools import partial

from workshop.mistakes import Mistake

Solution = partial(Mistake, says="")


def rewritten(file, text):
    """A move of the old file out of the way, and a new one in its place."""
    return {"edits": ((f"{file}.new", "", text),), "moves": ((file, f"{file}.old"), (f"{file}.new", file))}


RIGHT_SOLUTIONS = [
    # Stage 1
    Solution(
        "apps-of-ones-own",
        1,
        "more apps, and double quotes",
        edits=(
            (
                "tutorial/settings.py",
                "    'django.contrib.staticfiles',\n",
                '    "django.contrib.staticfiles",\n    "django.contrib.humanize",\n',
            ),
        ),
    ),
    Solution(
        "admin-by-re-path",
        1,
        "re_path for the admin",
        edits=(
            ("tutorial/urls.py", "from django.urls import path", "from django.urls import re_path"),
            ("tutorial/urls.py", "    path('admin/'", "    re_path(r'^admin/'"),
        ),
    ),
    # Stage 2
    Solution(
        "more-apps",
        2,
        "apps between daphne and the others, channels among them",
        edits=(
            ("tutorial/settings.py", '    "chat",\n', '    "channels",\n    "django.contrib.humanize",\n    "chat",\n'),
        ),
    ),
    Solution(
        "app-config",
        2,
        "the chat app by its configuration",
        edits=(
            ("tutorial/settings.py", '    "chat",\n', '    "chat.apps.ChatConfig",\n'),
            (
                "chat/apps.py",
                "",
                'from django.apps import AppConfig\n\n\nclass ChatConfig(AppConfig):\n    name = "chat"\n',
            ),
        ),
    ),
    Solution(
        "router-in-asgi-py",
        2,
        "the root application stands in asgi.py, as in Channels' own tutorial",
        edits=(
            ("tutorial/settings.py", '"tutorial.routing.application"', '"tutorial.asgi.application"'),
            (
                "tutorial/asgi.py.new",
                "",
                """import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tutorial.settings")
django_asgi_app = get_asgi_application()

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter

import chat.routing

application = ProtocolTypeRouter(
    {"http": django_asgi_app, "websocket": AuthMiddlewareStack(URLRouter(chat.routing.websocket_urlpatterns))}
)
""",
            ),
        ),
        moves=(("tutorial/asgi.py", "tutorial/asgi.py.old"), ("tutorial/asgi.py.new", "tutorial/asgi.py")),
    ),
    Solution(
        "django-first-by-get-asgi-application",
        2,
        "get_asgi_application() sets Django up",
        edits=(
            ("tutorial/asgi.py", "import django\n", "from django.core.asgi import get_asgi_application\n"),
            ("tutorial/asgi.py", "django.setup()", "get_asgi_application()"),
        ),
    ),
    Solution(
        "middleware-spelt-out",
        2,
        "what AuthMiddlewareStack stands for, spelt out",
        edits=(
            (
                "tutorial/routing.py",
                "from channels.auth import AuthMiddlewareStack",
                "from channels.auth import AuthMiddleware",
            ),
            (
                "tutorial/routing.py",
                "from django.core.asgi",
                "from channels.sessions import SessionMiddlewareStack\nfrom django.core.asgi",
            ),
            (
                "tutorial/routing.py",
                "AuthMiddlewareStack(URLRouter(",
                "SessionMiddlewareStack(AuthMiddleware(URLRouter(",
            ),
            ("tutorial/routing.py", "websocket_urlpatterns)),", "websocket_urlpatterns))),"),
        ),
    ),
    Solution(
        "include-by-re-path",
        2,
        "re_path for the app's addresses",
        edits=(
            ("tutorial/urls.py", "import include, path", "import include, path, re_path"),
            ("tutorial/urls.py", 'path("chat/", include', 're_path(r"^chat/", include'),
        ),
    ),
    # Stage 3
    Solution(
        "json-consumer",
        3,
        "AsyncJsonWebsocketConsumer does the JSON",
        **rewritten(
            "chat/consumers.py",
            """from channels.generic.websocket import AsyncJsonWebsocketConsumer


class ChatConsumer(AsyncJsonWebsocketConsumer):
    async def connect(self):
        self.group = "chat_" + self.scope["url_route"]["kwargs"]["room_name"]
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()

    async def disconnect(self, code):
        await self.channel_layer.group_discard(self.group, self.channel_name)

    async def receive_json(self, content, **kwargs):
        await self.channel_layer.group_send(self.group, {"type": "chat_msg", "message": content["message"]})

    async def chat_msg(self, event):
        await self.send_json({"message": event["message"]})
""",
        ),
    ),
    Solution(
        "synchronous-consumer",
        3,
        "a WebsocketConsumer with async_to_sync, which may block: it runs in a thread",
        **rewritten(
            "chat/consumers.py",
            """import json
import time

from asgiref.sync import async_to_sync
from channels.generic.websocket import WebsocketConsumer


class ChatConsumer(WebsocketConsumer):
    def connect(self):
        self.room_name = self.scope["url_route"]["kwargs"]["room_name"]
        self.room_group_name = "chat_%s" % self.room_name
        async_to_sync(self.channel_layer.group_add)(self.room_group_name, self.channel_name)
        self.accept()

    def disconnect(self, close_code):
        async_to_sync(self.channel_layer.group_discard)(self.room_group_name, self.channel_name)

    def receive(self, text_data):
        time.sleep(0.05)
        text_data_json = json.loads(text_data)
        message = text_data_json["message"]
        async_to_sync(self.channel_layer.group_send)(
            self.room_group_name, {"type": "chat.msg", "message": message, "sender": self.channel_name}
        )

    def chat_msg(self, event):
        message = event["message"]
        self.send(text_data=json.dumps({"message": message}))
""",
        ),
    ),
    Solution(
        "other-names",
        3,
        "other names, % formatting, a helper method, the layer from get_channel_layer()",
        **rewritten(
            "chat/consumers.py",
            '''import json

from channels.generic.websocket import AsyncWebsocketConsumer
from channels.layers import get_channel_layer

PREFIX = "chat"


class ChatConsumer(AsyncWebsocketConsumer):
    async def websocket_connect(self, message):
        """A comment of one's own."""
        print("somebody comes")
        await super().websocket_connect(message)

    async def connect(self):
        await self.join("%s_%s" % (PREFIX, self.scope["url_route"]["kwargs"]["room_name"]))
        await super().connect()

    async def join(self, name):
        self.name = name
        await get_channel_layer().group_add(self.name, self.channel_name)

    async def disconnect(self, code):
        print("somebody goes", code)
        await get_channel_layer().group_discard(self.name, self.channel_name)

    async def receive(self, text_data=None, bytes_data=None):
        frame = json.loads(text_data)
        await self.broadcast(**frame)

    async def broadcast(self, message):
        await get_channel_layer().group_send(self.name, dict(type="chat_msg", message=message))

    async def chat_msg(self, event):
        del event["type"]
        await self.send(text_data=json.dumps(event))
''',
        ),
    ),
    Solution(
        "honest-waiting",
        3,
        "a slow answer that is awaited, and a blocking call in a thread",
        edits=(
            ("chat/consumers.py", "import json\n", "import asyncio\nimport json\nimport time\n"),
            (
                "chat/consumers.py",
                '        message = json.loads(text_data)["message"]\n',
                '        message = json.loads(text_data)["message"]\n'
                "        await asyncio.sleep(0.05)\n        await asyncio.to_thread(time.sleep, 0.25)\n",
            ),
        ),
    ),
    Solution(
        "task",
        3,
        "the broadcast is a task of its own",
        edits=(
            ("chat/consumers.py", "import json\n", "import asyncio\nimport json\n"),
            (
                "chat/consumers.py",
                'await self.channel_layer.group_send(self.room_group_name, {"type": "chat_msg", "message": message})',
                "event = {'type': 'chat_msg', 'message': message}\n"
                "        self.task = asyncio.create_task(self.channel_layer.group_send(self.room_group_name, event))",
            ),
        ),
    ),
    # Stage 4
    Solution(
        "route-by-re-path",
        4,
        "re_path, and another way to import",
        **rewritten(
            "chat/routing.py",
            r"""from django.urls import re_path

from .consumers import ChatConsumer

websocket_urlpatterns = [
    re_path(r"^ws/chat/(?P<room_name>[^/]+)/$", ChatConsumer.as_asgi()),
]
""",
        ),
    ),
    Solution(
        "nested-router",
        4,
        "a router in a router, and a second address for the same rooms",
        **rewritten(
            "chat/routing.py",
            """from channels.routing import URLRouter
from django.urls import path

from chat import consumers

consumer = consumers.ChatConsumer.as_asgi()

websocket_urlpatterns = (
    path("ws/chat/", URLRouter([path("<room_name>/", consumer)])),
    path("ws/talk/<str:room_name>/", consumer, name="talk"),
)
""",
        ),
    ),
    # Stage 5
    Solution(
        "class-based-views",
        5,
        "views as classes, routes by re_path",
        edits=(
            (
                "chat/views.py.new",
                "",
                """from django.http import HttpResponseRedirect
from django.urls import reverse
from django.views.generic import TemplateView, View


class Index(View):
    def get(self, request):
        if request.GET.get("room"):
            return HttpResponseRedirect(reverse("chatroom", args=[request.GET["room"]]))
        return TemplateView.as_view(template_name="chat/index.html")(request)


class Room(TemplateView):
    template_name = "chat/room.html"

    def get_context_data(self, **kwargs):
        context = super().get_context_data(**kwargs)
        context["room_name"] = self.kwargs["name"]
        return context
""",
            ),
            (
                "chat/urls.py.new",
                "",
                """from django.urls import re_path

from .views import Index, Room

urlpatterns = [
    re_path(r"^$", Index.as_view()),
    re_path(r"^(?P<name>[^/]+)/$", Room.as_view(), name="chatroom"),
]
""",
            ),
        ),
        moves=(
            ("chat/views.py", "chat/views.py.old"),
            ("chat/views.py.new", "chat/views.py"),
            ("chat/urls.py", "chat/urls.py.old"),
            ("chat/urls.py.new", "chat/urls.py"),
        ),
    ),
    Solution(
        "page-without-a-form",
        5,
        "the script of Channels' own tutorial, with its address escaped: no form, addresses put together with +",
        edits=(
            (
                "chat/templates/chat/index.html.new",
                "",
                """What chat room would you like to enter?<br>
<input id="room-name-input" type="text" size="100"><br>
<input id="room-name-submit" type="button" value="Enter">
<script>
  document.querySelector('#room-name-submit').onclick = function(e) {
    var roomName = document.querySelector('#room-name-input').value;
    window.location.pathname = '/chat/' + encodeURIComponent(roomName) + '/';
  };
</script>
""",
            ),
            (
                "chat/templates/chat/room.html.new",
                "",
                """<textarea id="chat-log" cols="100" rows="20"></textarea><br>
<input id="chat-message-input" type="text" size="100"><br>
<button id="chat-message-submit">Send</button>
{{ room_name|json_script:"room-name" }}
<script>
  const roomName = JSON.parse(document.getElementById('room-name').textContent);
  const name = encodeURIComponent(roomName);
  const scheme = window.location.protocol === 'https:' ? 'wss://' : 'ws://';
  const chatSocket = new WebSocket(scheme + window.location.host + '/ws/chat/' + name + '/');

  chatSocket.onmessage = function(e) {
    const data = JSON.parse(e.data);
    document.querySelector('#chat-log').value += (data.message + '\\n');
  };

  document.querySelector('#chat-message-submit').onclick = function(e) {
    const messageInputDom = document.querySelector('#chat-message-input');
    chatSocket.send(JSON.stringify({'message': messageInputDom.value}));
    messageInputDom.value = '';
  };
</script>
""",
            ),
        ),
        moves=(
            ("chat/templates/chat/index.html", "chat/templates/chat/index.html.old"),
            ("chat/templates/chat/index.html.new", "chat/templates/chat/index.html"),
            ("chat/templates/chat/room.html", "chat/templates/chat/room.html.old"),
            ("chat/templates/chat/room.html.new", "chat/templates/chat/room.html"),
        ),
    ),
    Solution(
        "included-template",
        5,
        "the room's elements come from a template that it includes, with a heading",
        edits=(
            (
                "chat/templates/chat/room.html",
                '  <textarea id="chat-log" cols="100" rows="20"></textarea>\n',
                '  <h1>{{ room_name }}</h1>\n  {% include "chat/log.html" %}\n',
            ),
            ("chat/templates/chat/log.html", "", '<textarea id="chat-log"></textarea>\n'),
        ),
    ),
    # Stage 6
    Solution(
        "own-words",
        6,
        "other errors, another hash, the rule in another order",
        edits=(
            ("chat/messages.py", "EXPECTED = 'Expected a JSON object with", "EXPECTED = 'Please send"),
            ("chat/messages.py", "except (ValueError, RecursionError):", "except Exception:"),
            ("chat/rooms.py", "hashlib.sha256(", "hashlib.blake2b("),
            ("chat/rooms.py", ".hexdigest()", ".hexdigest()[:90]"),
            (
                "chat/rooms.py",
                '    if name in (".", ".."):\n',
                '    if set(name) == {"."} and len(name) < 3:\n',
            ),
        ),
    ),
    Solution(
        "refusing-consumer",
        6,
        "a consumer refuses what no route matches",
        edits=(
            (
                "tutorial/middleware.py",
                "async def no_such_socket(scope, receive, send):\n",
                "class NoSuchSocket(AsyncWebsocketConsumer):\n"
                "    async def connect(self):\n"
                '        logger.warning("No such socket: %r", self.scope["path"])\n'
                "        await self.close()\n\n\n"
                "async def no_such_socket_any_more(scope, receive, send):\n",
            ),
            (
                "tutorial/middleware.py",
                "from channels.security",
                "from channels.generic.websocket import AsyncWebsocketConsumer\nfrom channels.security",
            ),
            ("tutorial/routing.py", "OriginCheck, no_such_socket", "NoSuchSocket, OriginCheck"),
            (
                "tutorial/routing.py",
                're_path("", no_such_socket),  # last: it matches any path',
                're_path(r"^.*$", NoSuchSocket.as_asgi()),',
            ),
        ),
    ),
    Solution(
        "caught-in-the-consumer",
        6,
        "the consumer itself catches what is refused, counts the frames, and leaves in the `finally` of __call__",
        edits=(
            (
                "chat/consumers.py",
                "from chat.sockets import SocketConsumer\n\n\nclass ChatConsumer(SocketConsumer):\n",
                "from channels.generic.websocket import AsyncWebsocketConsumer\n\nfrom chat.errors import Refused\n\n\n"
                "class ChatConsumer(AsyncWebsocketConsumer):\n    number = 0\n\n"
                "    async def __call__(self, *arguments):\n"
                "        try:\n            return await super().__call__(*arguments)\n"
                "        finally:\n            await self.leave()\n\n",
            ),
            (
                "chat/consumers.py",
                """        room_name = clean_name(self.scope["url_route"]["kwargs"]["room_name"])
""",
                """        try:
            room_name = clean_name(self.scope["url_route"]["kwargs"]["room_name"])
        except Refused as no:
            logging.warning("No: %s", no)
            return await self.close()
""",
            ),
            (
                "chat/consumers.py",
                """        message = parse_message(text_data)
""",
                """        self.number += 1
        try:
            message = parse_message(text_data)
        except Refused as no:
            return await self.send(json.dumps({"frame": self.number, "error": str(no)}))
""",
            ),
            ("chat/consumers.py", "from chat.messages", "import json\nimport logging\n\nfrom chat.messages"),
        ),
    ),
    # Stage 7
    Solution(
        "own-settings",
        7,
        "the layer is chosen in one expression",
        edits=(
            ("tutorial/settings.py", 'if "REDIS_URL" in os.environ:', 'if os.environ.get("REDIS_URL"):'),
            ("tutorial/settings.py", "CAPACITY = 10_000", "CAPACITY = 10 * 1000"),
            (
                "tutorial/settings.py",
                '"hosts": [{"address": os.environ["REDIS_URL"], "socket_timeout": 10}],',
                '"hosts": [{"address": os.getenv("REDIS_URL"), "socket_timeout": 30}],',
            ),
        ),
    ),
    Solution(
        "own-outage",
        7,
        "a function for a class, and it stands inside the origin check",
        edits=(
            (
                "tutorial/outages.py",
                """class OutageNotice:
    \"""Close the socket when the layer doesn't answer, with a line in the log in place of a traceback.\"""

    def __init__(self, application):
        self.application = application

    async def __call__(self, scope, receive, send):
        try:
            await self.application(scope, receive, send)
""",
                """def notice(application):
    async def noticing(scope, receive, send):
        await look(application, scope, receive, send)

    return noticing


if True:

    async def look(application, scope, receive, send):
        try:
            await application(scope, receive, send)
""",
            ),
            ("tutorial/routing.py", "import OutageNotice", "import notice"),
            (
                "tutorial/routing.py",
                "OutageNotice(\n            OriginCheck(\n",
                "OriginCheck(\n            notice(\n",
            ),
        ),
    ),
    # Stage 8
    Solution(
        "channels-own-call",
        8,
        "Channels' own __call__, which handles one event at a time too, with a dispatch that asks no thread",
        edits=(
            (
                "chat/sockets.py",
                """        self.scope, self.base_send = scope, send
        self.channel_layer = get_channel_layer()
        self.channel_name = await self.channel_layer.new_channel()
        self.one_at_a_time = asyncio.Lock()
        mailbox = functools.partial(self.channel_layer.receive, self.channel_name)
        readers = [asyncio.ensure_future(self.handle_all(source)) for source in (receive, mailbox)]
        try:
            await asyncio.gather(*readers)
        except StopConsumer:  # the client has gone, or was refused
            pass
""",
                """        try:
            await super().__call__(scope, receive, send)
""",
            ),
            (
                "chat/sockets.py",
                """            self.base_send = send_nowhere
            # Cancel them until they end: before Python 3.12 asyncio.wait_for(), which redis-py uses, may miss it.
            while not all(reader.done() for reader in readers):
                for reader in readers:
                    reader.cancel()
                await asyncio.wait(readers, timeout=1)
            try:
                await asyncio.wait_for(self.leave(), LEAVE_WITHIN)
            except asyncio.TimeoutError:
                pass

    async def handle_all(self, source):
        \"""Handle each event that source(), the socket's or the mailbox's, returns: never two at the same time.\"""
        while True:
            event = await source()
            async with self.one_at_a_time:
                await self.dispatch(event)
""",
                "            await self.leave()\n",
            ),
        ),
    ),
    Solution(
        "through-send",
        8,
        "another class name, a clean-up every five seconds, and send() for each member, as in Channels' own layer",
        edits=(
            ("tutorial/settings.py", ".ClassroomInMemoryChannelLayer", ".QuickInMemoryChannelLayer"),
            ("chat/layers.py", "class ClassroomInMemory", "class QuickInMemory"),
            ("chat/layers.py", "CLEAN_EVERY = 1 ", "CLEAN_EVERY = 5 "),
            ("chat/layers.py", "import asyncio\nimport time\n", "import asyncio\nfrom time import monotonic\n"),
            ("chat/layers.py", "now = time.monotonic()\n", "now = monotonic()\n"),
            ("chat/layers.py", "        expires, full = time.time() + self.expiry, 0\n", "        full = 0\n"),
            (
                "chat/layers.py",
                """                self.mailbox(channel).put_nowait((expires, dict(message)))
            except asyncio.QueueFull:
""",
                """                await self.send(channel, message)
            except ChannelFull:
""",
            ),
        ),
    ),
    Solution(
        "encoded-at-the-sender",
        8,
        "the sender makes the frame, and the event carries it",
        edits=(
            (
                "chat/consumers.py",
                '{"type": "chat_msg", "message": message})\n',
                "event)\n",
            ),
            (
                "chat/consumers.py",
                "        message = parse_message(text_data)\n",
                "        message = parse_message(text_data)\n"
                '        event = {"type": "chat.frame", "frame": make_frame(message)}\n',
            ),
            (
                "chat/consumers.py",
                '    async def chat_msg(self, event):\n        await self.send(make_frame(event["message"]))\n',
                '    async def chat_frame(self, event):\n        await self.send(text_data=event["frame"])\n',
            ),
        ),
    ),
    Solution(
        "flow-control-otherwise",
        8,
        "another file does the flow control, inside the origin check, and looks at the server's buffer itself",
        edits=(
            (
                "tutorial/flow.py",
                "",
                """def one_frame_at_a_time(application):
    async def wrapped(scope, receive, send):
        transport = send.args[0].transport if hasattr(send, "args") else None
        waiting = 0

        async def receive_and_pause():
            if transport:
                transport.resumeProducing()
            event = await receive()
            if transport:
                transport.pauseProducing()
            return event

        async def send_or_cut(event):
            nonlocal waiting
            behind = transport and (transport.dataBuffer or transport._tempDataBuffer)
            waiting = waiting + len(event.get("text", "")) if behind else 0
            if waiting > 2_000_000:
                transport.abortConnection()
                waiting = 0
            await send(event)

        try:
            await application(scope, receive_and_pause, send_or_cut)
        finally:
            if transport:
                transport.resumeProducing()

    return wrapped
""",
            ),
            ("tutorial/routing.py", "from tutorial.backpressure import Backpressure\n", "import tutorial.flow\n"),
            (
                "tutorial/routing.py",
                "Backpressure(\n            OutageNotice(\n",
                "OutageNotice(\n            tutorial.flow.one_frame_at_a_time(\n",
            ),
        ),
    ),
    Solution(
        "told-otherwise",
        8,
        "a task tells of losses, in other words, and asyncio.wait ends the readers",
        edits=(
            (
                "chat/lost_deliveries.py.new",
                "",
                """import asyncio
import logging


class LostDeliveries(dict):
    def note(self, address, number):
        if address not in self:
            self[address] = 0
            self["task of " + address] = asyncio.create_task(self.tell(address))
        self[address] += number

    async def tell(self, address):
        await asyncio.sleep(0.8)
        logging.warning("%d messages did not fit, room %s", self.pop(address), address)
        del self["task of " + address]
""",
            ),
            (
                "chat/layers.py",
                """        missed = f"This message didn't reach {number} of the {members} people here"
        super().__init__(f"{missed}: they are too far behind. Say it again later.")
""",
                """        super().__init__(f"Of {members} in this room {number} did not get that.")
""",
            ),
            (
                "chat/sockets.py",
                "            await asyncio.gather(*readers)\n",
                "            done, _ = await asyncio.wait(readers, return_when=asyncio.FIRST_COMPLETED)\n"
                "            done.pop().result()\n",
            ),
        ),
        moves=(
            ("chat/lost_deliveries.py", "chat/lost_deliveries.py.old"),
            ("chat/lost_deliveries.py.new", "chat/lost_deliveries.py"),
        ),
    ),
]
