"""What errors of Python, Django and Channels mean, for somebody who meets them for the first time."""

# Errors of Python, Django and Channels that don't tell a beginner their cause. Each entry holds a pattern to look for
# in the error, what the error means, and the file to open, or None for the one that raised it.
MEANINGS = [
    (
        r"No module named '(daphne|chat|django[\w.]*\w)(chat|django)[\w.]*'",
        'Is a comma missing after "{0}"? Python joins two strings that follow each other into one.',
        "tutorial/settings.py",
    ),
    (
        r"No module named '(django\.contrib\.(?:admin|auth|contenttypes|sessions|messages|staticfiles))\w+'",
        'Is a comma missing after "{0}"? Python joins two strings that follow each other into one.',
        "tutorial/settings.py",
    ),
    (
        r"Cannot find 'application' in ASGI_APPLICATION module tutorial\.routing",
        "tutorial/routing.py has nothing called application.",
        "tutorial/routing.py",
    ),
    (
        "Cannot find ASGI_APPLICATION setting",
        'The settings have no ASGI_APPLICATION = "tutorial.routing.application", so no server finds the application.',
        "tutorial/settings.py",
    ),
    (
        "ASGI_APPLICATION module",
        "ASGI_APPLICATION is a module's name, a dot, and the application's name: tutorial.routing.application.",
        "tutorial/settings.py",
    ),
    (
        r"Cannot import BACKEND 'chat\.",
        "BACKEND in CHANNEL_LAYERS names a class that the project doesn't have. The one in chat/layers.py is "
        "chat.layers.ClassroomInMemoryChannelLayer.",
        "tutorial/settings.py",
    ),
    (
        "Cannot import BACKEND",
        "BACKEND in CHANNEL_LAYERS names a class that doesn't exist. The in-memory layer is "
        "channels.layers.InMemoryChannelLayer, the one for Redis is channels_redis.core.RedisChannelLayer.",
        "tutorial/settings.py",
    ),
    (
        r"not enough values to unpack \(expected 2, got 1\)(?:\.$|\n.*super\(\)\.__call__\()",  # Channels' own
        "channel_capacity doesn't work in this version of Channels: CONFIG takes one capacity, for all channels.",
        "tutorial/settings.py",
    ),
    (
        r"ChannelLayer\.__init__\(\) got an unexpected keyword argument '(\w+)'",
        "CONFIG in CHANNEL_LAYERS has {0}, but the layer takes nothing of that name.",
        "tutorial/settings.py",
    ),
    (
        "didn't return an HttpResponse",
        "A view returns what it renders. Is `return` missing before render(…)?",
        "chat/views.py",
    ),
    (
        r"got multiple values for argument '\w+'",
        "A view takes the request first, and then what the route captures.",
        "chat/views.py",
    ),
    (
        r"get_asgi_application\(\) takes 0 positional arguments",
        "The parentheses after get_asgi_application are missing: calling it returns Django's application.",
        "tutorial/routing.py",
    ),
    (
        "settings are not configured",
        'This line runs before the settings are named: os.environ.setdefault("DJANGO_SETTINGS_MODULE", …) comes first.',
        "tutorial/asgi.py",
    ),
    (
        "AppRegistryNotReady",
        "This line runs before Django is set up: django.setup() comes first, then this import.",
        "tutorial/asgi.py",
    ),
    (
        "Incoming message has no 'type'",
        'The consumer got an event without a "type": the type names the method that handles the event.',
        "chat/consumers.py",
    ),
    (
        r"No handler for message type ([\w.]*\w)",
        "The consumer has no method for the type {0}: an event's type names the method that handles the event.",
        "chat/consumers.py",
    ),
    (
        r"(?s)Group name must be .*group_(?:add|discard)\(self\.channel_name",
        "This is a channel's name where a group's name belongs: the group comes first, then the channel.",
        None,
    ),
    (
        "You cannot use AsyncToSync",
        "async_to_sync is for synchronous code. Inside `async def`, write `await` instead.",
        None,
    ),
    (
        "SynchronousOnlyOperation",
        "A coroutine queries the database here, and everybody would wait for it. The chat's consumer needs no "
        "database: take this line out.",
        None,
    ),
    (
        r"no such table: .*\n.* in chat/consumers\.py",
        "The chat's consumer needs no database, and this check's database has no tables: take this line out.",
        None,
    ),
    (
        r"no such table: django_session(?:\.$|\n.* in tutorial/middleware\.py)",
        "The session can't be read, and nothing caught that: resolve_scope() has to catch DatabaseError as well as "
        "ValidationError, and to make the user an AnonymousUser.",
        "tutorial/middleware.py",
    ),
    (
        r"^RecursionError.*\n.*json\.loads",
        "Catch RecursionError as well as ValueError there: the frame's brackets are nested too deeply.",
        None,
    ),
    (
        "^MailboxesFull",
        "Nothing told the sender. websocket_receive() reports any Refused: class MailboxesFull(ChannelFull, Refused).",
        "chat/layers.py",
    ),
    (
        "^StopConsumer",
        "This is how a consumer ends after its client has left or was refused: __call__ has to catch StopConsumer.",
        "chat/sockets.py",
    ),
    (
        r"unhashable type: 'dict'",
        "A cache looks its arguments up in a dict, and an event, itself a dict, can't be a key there: pass the "
        'function the text, event["message"].',
        None,
    ),
    (
        r"(?s)string indices must be integers.*text_data",
        "The frame is text, not a dict yet: json.loads(text_data) turns it into one.",
        None,
    ),
    (
        r"object NoneType can't be used in 'await'|'NoneType' object can't be awaited",
        "What follows `await` is not a coroutine. Is `async` missing before its `def`?",
        None,
    ),
    (
        r"object \w+ can't be used in 'await'|'\w+' object can't be awaited|object.__init__\(\) takes exactly one",
        "as_asgi() is missing after the consumer: a route leads to an application, not to a class.",
        "chat/routing.py",
    ),
    (
        r"as_asgi\(\) takes 1 positional argument",
        "The parentheses after as_asgi are missing: calling it returns an application.",
        "chat/routing.py",
    ),
    (
        "'websocket_urlpatterns'",
        "The list of routes has to be called websocket_urlpatterns.",
        "chat/routing.py",
    ),
    (
        "KeyError: 'room_name'",
        "No part of the route is called room_name, which is the name that the consumer asks for.",
        "chat/routing.py",
    ),
    (
        "TemplateDoesNotExist",
        'Django looks in the templates/ folder of each app in INSTALLED_APPS. Is "chat" one of them?',
        "tutorial/settings.py",
    ),
    (
        r"Reverse for '(\w+)' with",
        "The route called {0} doesn't fit these arguments. Do they have the names of its parts?",
        "chat/urls.py",
    ),
    (
        r"Reverse for '(\w+)' not found",
        'No route is called {0}: redirect() and {{% url %}} look for path(…, name="{0}").',
        "chat/urls.py",
    ),
    (
        r"(?:unexpected keyword|missing 1 required positional) argument:? '\w+'\.$",  # raised where Django calls a view
        "The route passes a part that the view doesn't take, or leaves out one that it needs: the names have to match.",
        "chat/urls.py",
    ),
]
