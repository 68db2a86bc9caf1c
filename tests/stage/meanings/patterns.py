"""Errors whose words alone make sure what they mean."""

import re
from dataclasses import dataclass

from stage.code import tell_place
from stage.meanings.meaning import Meaning


@dataclass(frozen=True)
class Pattern:
    """A pattern to look for in an error, and what the error means. In `words`, {0} is the pattern's first group."""

    error: str
    words: str
    asked: str | None = None
    opens: str | None = None  # the file to open, or None for the one that raised it


# The first that is found is the one.
PATTERNS = (
    Pattern(
        r"No module named '(daphne|chat|django[\w.]*\w)(chat|django)[\w.]*'",
        'Is a comma missing after "{0}"? Python joins two strings that follow each other into one.',
        opens="tutorial/settings.py",
    ),
    Pattern(
        r"No module named '(django\.contrib\.[a-z]+?)(?:django|chat|daphne)\w*'",
        'Is a comma missing after "{0}"? Python joins two strings that follow each other into one.',
        opens="tutorial/settings.py",
    ),
    Pattern(
        r"Cannot import BACKEND 'chat\.",
        "BACKEND in CHANNEL_LAYERS names a class that the project doesn't have. The one in chat/layers.py is "
        "chat.layers.ClassroomInMemoryChannelLayer.",
        opens="tutorial/settings.py",
    ),
    Pattern(
        "Cannot import BACKEND",
        "BACKEND in CHANNEL_LAYERS names a class that doesn't exist. The in-memory layer is "
        "channels.layers.InMemoryChannelLayer, the one for Redis is channels_redis.core.RedisChannelLayer.",
        opens="tutorial/settings.py",
    ),
    Pattern(
        r"not enough values to unpack \(expected 2, got 1\)(?:\.$|\n.*super\(\)\.__call__\()",  # Channels' own
        "channel_capacity doesn't work in this version of Channels: CONFIG takes one capacity, for all channels.",
        opens="tutorial/settings.py",
    ),
    Pattern(
        r"ChannelLayer\.__init__\(\) got an unexpected keyword argument '(\w+)'",
        "CONFIG in CHANNEL_LAYERS has {0}, but the layer takes nothing of that name.",
        opens="tutorial/settings.py",
    ),
    Pattern(
        r"get_asgi_application\(\) takes 0 positional arguments",
        "The parentheses after get_asgi_application are missing: calling it returns Django's application.",
        opens="tutorial/routing.py",
    ),
    Pattern(
        r"(?s)settings are not configured.*in tutorial/asgi\.py",
        'This line runs before the settings are named: os.environ.setdefault("DJANGO_SETTINGS_MODULE", …) comes first.',
        opens="tutorial/asgi.py",
    ),
    Pattern(
        r"(?s)AppRegistryNotReady.*in tutorial/asgi\.py",
        "This line runs before Django is set up: django.setup() comes first, then this import.",
        opens="tutorial/asgi.py",
    ),
    Pattern(
        "Incoming message has no 'type'",
        'The consumer got an event without a "type": the type names the method that handles the event.',
        opens="chat/consumers.py",
    ),
    Pattern(
        r"event loop is already running|asyncio\.run\(\) cannot be called from a running event loop",
        "This line starts an event loop, and it is in one already: a coroutine waits with `await`.",
    ),
    Pattern(
        r"tuple indices must be integers or slices, not str\n.*\[.args.\]",
        '"args" holds the parts that have no name, in a tuple. The parts with a name are in "kwargs".',
        asked='self.scope["url_route"]["kwargs"]["room_name"]',
    ),
    Pattern(
        r"the JSON object must be str, bytes or bytearray, not dict\n.*json\.loads\(",
        "It is a dict already, and no JSON: receive_json() gets a frame that is decoded, and so is an event.",
    ),
    Pattern(
        "You cannot use AsyncToSync",
        "async_to_sync is for synchronous code. Inside `async def`, write `await` instead.",
    ),
    Pattern(
        "SynchronousOnlyOperation.*\n.*(?:consumers|routing|sockets|messages|rooms)[.]py",
        "A coroutine queries the database here, and everybody would wait for it. The chat's consumer needs no "
        "database: take this line out.",
    ),
    Pattern(
        r"no such table: .*\n.* in chat/consumers\.py",
        "The chat's consumer needs no database, and this check's database has no tables: take this line out.",
    ),
    Pattern(
        r"no such table: django_session(?:\.$|\n.* in tutorial/middleware\.py)",
        "The session can't be read, and nothing caught that: resolve_scope() has to catch DatabaseError as well as "
        "ValidationError, and to make the user an AnonymousUser.",
        opens="tutorial/middleware.py",
    ),
    Pattern(
        r"^RecursionError.*\n.*json\.loads",
        "Catch RecursionError as well as ValueError there: the frame's brackets are nested too deeply.",
    ),
    Pattern(
        r"unhashable type: 'dict'\n.*event",
        "A cache looks its arguments up in a dict, and an event, itself a dict, can't be a key there: pass the "
        'function the text, event["message"].',
    ),
    Pattern(
        r"TypeError: (?:argument of type '(\w+)' is not (?:iterable|a container)|'(\w+)' object is not subscriptable)"
        r".*\n.* in chat/messages\.py",
        "A frame may be any JSON: a number, a list, a text, null. Here it is no object, which Python has as a dict.",
        asked="isinstance(frame, dict) first, and then its keys.",
        opens="chat/messages.py",
    ),
    Pattern(
        r"RuntimeError: (?:\w+ (?:keys )?changed(?: size)?|deque mutated) during iteration",
        "The loop goes over something that is changed while it does.",
        asked="What empties or changes it comes after the loop, less indented.",
    ),
    Pattern(
        r"Lock object .*is bound to a different event loop",
        "This lock is older than the connection: all consumers share it.",
        asked="Each consumer makes a lock of its own, in __call__.",
    ),
    Pattern(
        r"TypeError: Object of type Refused is not JSON serializable",
        "Refused is an exception, and JSON takes texts: str() of it is its words.",
        asked="str(…) around it.",
    ),
    Pattern(
        r"TypeError: Object of type (\w*(?:Refused|Error|Exception)) is not JSON serializable",
        "{0} is an exception, and JSON takes texts: str() of it is its words.",
    ),
    Pattern(
        r"TypeError: Object of type (\w+) is not JSON serializable",
        "JSON takes dicts, lists, texts, numbers, True, False and None. {0} is something else.",
    ),
    Pattern(
        r"KeyError: '\w*'\n.* in chat/layers\.py, .*self\.groups\[",
        "A group that nobody is in isn't in self.groups. What is sent to it goes to nobody, and is no error.",
        asked="self.groups.get(group, {})",
    ),
    Pattern(
        r"(?s)string indices must be integers.*text_data\[",
        "The frame is text, not a dict yet: json.loads(text_data) turns it into one.",
    ),
    Pattern(
        r"MultiValueDictKeyError: 'room'",
        "The address has no ?room=…, and then request.GET[…] raises this error.",
        asked='request.GET.get("room", "")',
    ),
    Pattern(
        r"MultiValueDictKeyError: '(\w+)'",
        "The address has no ?{0}=…, and then request.GET[…] raises this error.",
    ),
    Pattern(
        r"Passing a 3-tuple to include\(\)",
        "admin.site.urls is included already.",
        asked='path("admin/", admin.site.urls), without include().',
    ),
    Pattern(
        r"'\w*Middleware\w*' object is not iterable\n.*URLRouter\(",
        "URLRouter takes a list of routes, and got a middleware: the two are inside out.",
        asked="AuthMiddlewareStack(URLRouter(…))",
    ),
    Pattern(
        "^StopConsumer",
        "This is how a consumer ends after its client has left or was refused: __call__ has to catch StopConsumer.",
        opens="chat/sockets.py",
    ),
    Pattern(
        r"WSGIHandler\.__call__\(\) takes",
        "For HTTP, the root application has a WSGI application, which can't be called like this.",
        asked='"http": get_asgi_application(), from django.core.asgi.',
        opens="tutorial/routing.py",
    ),
    Pattern(
        r"as_asgi\(\) takes 1 positional argument",
        "The parentheses after as_asgi are missing: calling it returns an application.",
        opens="chat/routing.py",
    ),
    Pattern(
        r"cannot import name 'url' from 'django\.conf\.urls'|module 'django\.conf\.urls' has no attribute 'url'",
        "url() is gone since Django 4.",
        asked="path(…), or re_path(…) for a regular expression, both from django.urls.",
    ),
    Pattern(
        r"Reverse for '(\w+)' with",
        "The route called {0} doesn't fit these arguments. Do they have the names of its parts?",
        opens="chat/urls.py",
    ),
)


def its_words_alone(problem):
    """Any error: the first pattern that is in its words or in the line that raised it."""
    if problem.places:
        text = problem.what + tell_place(*problem.place)
    else:
        text = problem.what.rstrip(".") + "."
    for pattern in PATTERNS:
        found = re.search(pattern.error, text)
        if found:
            return Meaning(pattern.words.format(*found.groups()), pattern.asked, pattern.opens)
    return None
