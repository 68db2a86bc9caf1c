"""What errors of Python, Django and Channels mean, for somebody who meets them for the first time."""

# Errors of Python, Django and Channels that name no cause to who meets them for the first time: what to look for in
# the error, what it means, and the file to open where that isn't the one that raised it.
MEANINGS = [
    (
        r"No module named '(daphne|chat|django[\w.]*\w)(chat|django)[\w.]*'",
        'Is a comma missing behind "{0}"? Python makes one text of two that follow each other.',
        "tutorial/settings.py",
    ),
    (
        r"No module named '(django\.contrib\.(?:admin|auth|contenttypes|sessions|messages|staticfiles))\w+'",
        'Is a comma missing behind "{0}"? Python makes one text of two that follow each other.',
        "tutorial/settings.py",
    ),
    (
        r"Cannot find 'application' in ASGI_APPLICATION module tutorial\.routing",
        "tutorial/routing.py has nothing that is called application.",
        "tutorial/routing.py",
    ),
    (
        "Cannot find ASGI_APPLICATION setting",
        'The settings have no ASGI_APPLICATION = "tutorial.routing.application", so no server finds the application.',
        "tutorial/settings.py",
    ),
    (
        "ASGI_APPLICATION module",
        "ASGI_APPLICATION names a module, a dot, and the application in it: tutorial.routing.application.",
        "tutorial/settings.py",
    ),
    (
        r"Cannot import BACKEND 'chat\.",
        "BACKEND in CHANNEL_LAYERS names a class of the project's that is not there. The one in chat/layers.py is "
        "chat.layers.ClassroomInMemoryChannelLayer.",
        "tutorial/settings.py",
    ),
    (
        "Cannot import BACKEND",
        "The BACKEND in CHANNEL_LAYERS names a class that is not there. The layer in memory is "
        "channels.layers.InMemoryChannelLayer, Redis's is channels_redis.core.RedisChannelLayer.",
        "tutorial/settings.py",
    ),
    (
        r"not enough values to unpack \(expected 2, got 1\)(?:\.$|\n.*super\(\)\.__call__\()",  # Channels' own
        "channel_capacity doesn't work in this version of Channels: CONFIG takes a plain capacity, for all channels.",
        "tutorial/settings.py",
    ),
    (
        r"ChannelLayer\.__init__\(\) got an unexpected keyword argument '(\w+)'",
        "CONFIG in CHANNEL_LAYERS has {0}, and the layer knows nothing of that name.",
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
        "get_asgi_application stands there without its brackets: called, it returns Django's application.",
        "tutorial/routing.py",
    ),
    (
        "settings are not configured",
        'No settings are named when this line runs: os.environ.setdefault("DJANGO_SETTINGS_MODULE", …) comes first.',
        "tutorial/asgi.py",
    ),
    (
        "AppRegistryNotReady",
        "Django is not set up yet when this line runs: django.setup() comes first, then this import.",
        "tutorial/asgi.py",
    ),
    (
        "Incoming message has no 'type'",
        'An event without a "type" came to the consumer: the type is the name of the method that gets the event.',
        "chat/consumers.py",
    ),
    (
        r"No handler for message type (\w+)",
        "No method of the consumer is called {0}: an event's type is the name of the method that gets the event.",
        "chat/consumers.py",
    ),
    (
        r"(?s)Group name must be .*group_(?:add|discard)\(self\.channel_name",
        "This is a channel's name where a group's name belongs: the group comes first, then the channel.",
        None,
    ),
    (
        "You cannot use AsyncToSync",
        "async_to_sync is for synchronous code. In `async def` write `await` instead.",
        None,
    ),
    (
        "SynchronousOnlyOperation",
        "The database is asked in a coroutine, and everybody would wait for it. The chat's consumer needs no database: "
        "take this line out.",
        None,
    ),
    (
        r"no such table: .*\n.* in chat/consumers\.py",
        "The chat's consumer needs no database, and the one of this check has no tables: take this line out.",
        None,
    ),
    (
        r"no such table: django_session(?:\.$|\n.* in tutorial/middleware\.py)",
        "The session can't be read, and nothing caught that: resolve_scope() catches DatabaseError as well as "
        "ValidationError, and the user is an AnonymousUser.",
        "tutorial/middleware.py",
    ),
    (
        r"^RecursionError.*\n.*json\.loads",
        "Catch RecursionError as well as ValueError there: the frame's brackets are nested too deep.",
        None,
    ),
    (
        "^MailboxesFull",
        "Nothing told the sender. websocket_receive() tells a Refused: class MailboxesFull(ChannelFull, Refused).",
        "chat/layers.py",
    ),
    (
        "^StopConsumer",
        "So a consumer ends whose client has gone: __call__ catches StopConsumer, and lets it go.",
        "chat/sockets.py",
    ),
    (
        r"unhashable type: 'dict'",
        "A cache looks its arguments up in a dict, and an event is a dict itself, which is no key: give the function "
        'the text, event["message"].',
        None,
    ),
    (
        r"(?s)string indices must be integers.*text_data",
        "The frame is text, not a dict yet: json.loads(text_data) makes one of it.",
        None,
    ),
    (
        r"object NoneType can't be used in 'await'|'NoneType' object can't be awaited",
        "What stands behind `await` is not a coroutine. Is `async` missing before its `def`?",
        None,
    ),
    (
        r"object \w+ can't be used in 'await'|'\w+' object can't be awaited|object.__init__\(\) takes exactly one",
        "as_asgi() is missing behind the consumer: a route leads to an application, not to a class.",
        "chat/routing.py",
    ),
    (
        r"as_asgi\(\) takes 1 positional argument",
        "as_asgi stands there without its brackets: called, it returns an application.",
        "chat/routing.py",
    ),
    (
        "'websocket_urlpatterns'",
        "The list of routes has to be called websocket_urlpatterns.",
        "chat/routing.py",
    ),
    (
        "KeyError: 'room_name'",
        "No part of the route is called room_name, and by that name the consumer asks for it.",
        "chat/routing.py",
    ),
    (
        "TemplateDoesNotExist",
        'Django looks into the folder templates/ of each app in INSTALLED_APPS. Is "chat" one of them?',
        "tutorial/settings.py",
    ),
    (
        r"Reverse for '(\w+)' with",
        "The route called {0} has no part of that name.",
        "chat/urls.py",
    ),
    (
        r"Reverse for '(\w+)' not found",
        'No route is called {0}: path(…, name="{0}") is what redirect() and {{% url %}} look for.',
        "chat/urls.py",
    ),
    (
        r"(?:unexpected keyword|missing 1 required positional) argument:? '\w+'\.$",  # raised where Django calls a view
        "The route gives the view a part that the view doesn't take, or not one that it needs: the names must agree.",
        "chat/urls.py",
    ),
]
