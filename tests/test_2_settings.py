"""Stage 2: the project speaks WebSocket, with daphne, a root ASGI application, a channel layer, the chat's URLs."""

from channels.testing import HttpCommunicator
from stage import Person, Unmet, expect, explain_output, next_event, run_python

FILE = "tutorial/settings.py"
SOCKETS = 'Next to "http" there is "websocket": AuthMiddlewareStack(URLRouter(chat.routing.websocket_urlpatterns)).'


def test_runserver_is_daphne(django):
    """runserver is daphne's, which speaks WebSocket. Django's own runserver answers every socket with 404."""
    from django.apps import apps
    from django.core.management import get_commands

    expect(
        apps.is_installed("daphne"),
        seen='"daphne" is not in INSTALLED_APPS.',
        asked='"daphne" comes first in INSTALLED_APPS, so that runserver is daphne\'s.',
        file=FILE,
    )
    owner = get_commands()["runserver"]
    expect(
        owner == "daphne",
        seen=f"runserver is the one from {owner}, which comes before daphne in INSTALLED_APPS.",
        asked='"daphne" comes first in INSTALLED_APPS.',
        file=FILE,
    )


def test_the_chat_app_is_installed(django):
    """Django knows the chat app, so it finds the app's templates."""
    from django.apps import apps

    expect(
        apps.is_installed("chat"),
        seen='"chat" is not in INSTALLED_APPS.',
        asked='"chat" is in INSTALLED_APPS, so that Django finds its templates.',
        file=FILE,
    )


def expect_host(status):
    """Raise Unmet if this is what Django answers to a host that isn't allowed."""
    from django.conf import settings

    expect(
        status != 400,
        seen=f"A request to the host localhost was answered with 400. ALLOWED_HOSTS is {settings.ALLOWED_HOSTS}.",
        asked='"localhost" is in ALLOWED_HOSTS.',
        file=FILE,
    )


async def test_http_goes_to_django(application):
    """The root application hands HTTP to Django."""
    request = HttpCommunicator(application, "GET", "/admin/login/", headers=[(b"host", b"localhost")])
    await request.send_input({"type": "http.request", "body": b""})
    try:
        response = await next_event(request, timeout=5)  # seconds: Django loads its URLs and templates now
    except ValueError as error:
        if "scope type" not in str(error):
            raise
        raise Unmet(
            f"The root application has nothing for HTTP: {error}.",
            'The ProtocolTypeRouter has "http": get_asgi_application().',
            "tutorial/routing.py",
        ) from None
    expect_host(response["status"])
    expect(
        response["status"] == 200,
        seen=f"GET /admin/login/ through the root application answered {response['status']}.",
        asked='"http": get_asgi_application() in the ProtocolTypeRouter.',
        file="tutorial/routing.py",
    )


def nothing_for_websocket(application):
    keys = ", ".join(repr(key) for key in getattr(application, "application_mapping", ()))
    keys = f" Its keys are {keys}." if keys else ""
    return Unmet(f"The root application has nothing for WebSocket.{keys}", SOCKETS, "tutorial/routing.py")


async def test_websocket_goes_to_a_router(application):
    """The root application hands WebSocket to a router for sockets."""
    nobody = Person("Nobody", application, "/no/such/socket/")
    try:
        accepted = await nobody.connect()
    except ValueError as error:
        accepted = False
        if "scope type" in str(error):
            raise nothing_for_websocket(application) from None
        if "No route found" not in str(error):
            raise
    expect(
        not accepted,
        seen="The socket /no/such/socket/ was accepted.",
        asked="Only the paths in chat/routing.py are sockets.",
        file="tutorial/routing.py",
    )


async def test_a_socket_knows_its_user(application, monkeypatch):
    """The auth stack puts the user into the scope, as Django's middleware does into a request."""
    from channels.routing import URLRouter

    scopes = []

    async def note_scope(self, scope, receive, send):
        scopes.append(scope)
        await send({"type": "websocket.close"})

    if "websocket" not in getattr(application, "application_mapping", {"websocket"}):
        raise nothing_for_websocket(application)
    monkeypatch.setattr(URLRouter, "__call__", note_scope)
    await Person("Alice", application, "/ws/chat/lobby/").connect()
    expect(
        scopes and "user" in scopes[0],
        seen="The scope that reaches the URLRouter has no user.",
        asked="AuthMiddlewareStack(…) wraps the URLRouter.",
        file="tutorial/routing.py",
    )


IMPORT_ASGI = """
import sys
from django.apps import apps

class Watch:
    def find_spec(self, name, path, target=None):
        if name == "tutorial.routing" and not apps.ready:
            print("not set up")

sys.meta_path.insert(0, Watch())
from tutorial.asgi import application
from channels.routing import get_default_application
print("the same" if application is get_default_application() else "another one")
"""


def test_a_server_finds_the_application_in_asgi_py(pytestconfig):
    """A server other than runserver loads tutorial.asgi, and gets the same application."""
    from django.conf import settings

    asked = "asgi.py sets Django up, then takes the application from tutorial/routing.py."
    run = run_python(
        pytestconfig.project,
        "-c",
        IMPORT_ASGI,
    )
    if run.returncode:
        raise explain_output(run.stderr, pytestconfig.project, asked, "tutorial/asgi.py")
    expect(
        "not set up" not in run.stdout,
        seen="Django is not set up yet when asgi.py imports tutorial/routing.py: once a consumer imports a model, "
        "that raises AppRegistryNotReady.",
        asked=asked,
        file="tutorial/asgi.py",
    )
    expect(
        "the same" in run.stdout,
        seen="tutorial.asgi has an application of its own, not the one that the settings name in ASGI_APPLICATION, "
        f"{settings.ASGI_APPLICATION}.",
        asked=asked,
        file="tutorial/asgi.py" if str(settings.ASGI_APPLICATION).count(".") > 1 else FILE,
    )


async def test_the_channel_layer_is_in_memory(layer):
    """The channel layer needs no Redis, and delivers what is sent to a channel."""
    from channels.layers import InMemoryChannelLayer

    expect(
        isinstance(layer, InMemoryChannelLayer),
        seen=f"The default channel layer is {type(layer).__name__}.",
        asked='CHANNEL_LAYERS["default"] has the BACKEND channels.layers.InMemoryChannelLayer.',
        file=FILE,
    )
    channel = await layer.new_channel()
    await layer.send(channel, {"type": "hello"})
    assert await layer.receive(channel) == {"type": "hello"}


SHOW_SETTINGS = """
from django.conf import settings

print(repr(settings.DEBUG), *settings.ALLOWED_HOSTS)
"""


def test_the_environment_variables_do_what_they_say(pytestconfig):
    """If the settings read DJANGO_DEBUG and DJANGO_ALLOWED_HOSTS, 0 is no, and commas separate hosts."""
    project = pytestconfig.project
    text = (project / FILE).read_text(encoding="utf-8") if (project / FILE).is_file() else ""
    run = run_python(
        project,
        "-c",
        SHOW_SETTINGS,
        DJANGO_SETTINGS_MODULE="tutorial.settings",
        DJANGO_DEBUG="0",
        DJANGO_ALLOWED_HOSTS="chat.example,10.0.0.7",
    )
    if run.returncode:
        raise explain_output(run.stderr, project, "The settings can be read.", FILE)
    debug, *hosts = run.stdout.split()
    expect(
        "DJANGO_DEBUG" not in text or debug == "False",
        seen=f'With DJANGO_DEBUG=0, DEBUG is {debug}. A variable is a text, and for Python the text "0" is true.',
        asked='DEBUG = os.environ.get("DJANGO_DEBUG", "1") not in ("0", …)',
        file=FILE,
    )
    expect(
        "DJANGO_ALLOWED_HOSTS" not in text or {"chat.example", "10.0.0.7"} <= set(hosts),
        seen=f"With DJANGO_ALLOWED_HOSTS=chat.example,10.0.0.7, ALLOWED_HOSTS is {hosts}.",
        asked='The variable is a text with commas: .split(",") makes a list of it.',
        file=FILE,
    )


def test_the_addresses_under_chat_are_the_apps(django):
    """Addresses that begin with /chat/ are looked up in chat/urls.py."""
    from django.urls import get_resolver
    from django.urls.resolvers import RoutePattern

    addresses = [
        str(pattern.pattern)
        for pattern in get_resolver().url_patterns
        if getattr(getattr(pattern, "urlconf_module", None), "__name__", "") == "chat.urls"
    ]
    literal = [str(each.pattern) for each in get_resolver().url_patterns if isinstance(each.pattern, RoutePattern)]
    expect(
        "^chat/" not in literal,
        seen="The route is '^chat/': path() takes the ^ literally, so no address leads there.",
        asked='path("chat/", …). A regular expression belongs in re_path().',
        file="tutorial/urls.py",
    )
    expect(
        any(address.lstrip("^") == "chat/" for address in addresses),
        seen=f"The address of chat.urls is {addresses[0]!r}." if addresses else "No address leads to chat.urls.",
        asked='path("chat/", include("chat.urls")) in urlpatterns, with the slash.',
        file="tutorial/urls.py",
    )


def test_the_first_page_leads_to_the_chat(client):
    """/ leads to /chat/, where the chat's pages will be."""
    response = client.get("/")
    expect_host(response.status_code)
    leads_to = response.headers.get("Location")
    expect(
        response.status_code in (301, 302) and leads_to == "/chat/",
        seen=f"GET / answered {response.status_code}" + (f" and leads to {leads_to!r}." if leads_to else "."),
        asked='path("", RedirectView.as_view(url="/chat/")) in urlpatterns.',
        file="tutorial/urls.py",
    )
