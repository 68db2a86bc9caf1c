"""Stage 15: nginx in front of two servers, HTTPS, settings for several processes, a unit that keeps them running."""

import asyncio
import contextlib
import os
import re
import runpy
import subprocess
import sys
import threading
import time
from unittest import mock
from urllib.parse import urlsplit

import pytest
from asgiref.sync import sync_to_async
from stage import Unmet, expect
from stage.nginx import CONF, VISITOR, Answer, Nginx, Passed, seconds
from stage.programs import HOST, SERVERS, RealDaphne, RealNginx, find_nginx, find_program, free_port
from stage.systemd import ENVIRONMENT, SRV, UNIT, Unit, read_environment

FILE = "tutorial/settings.py"
ROOM = f"https://{HOST}/chat/lobby/"
SOCKET = f"https://{HOST}/ws/chat/lobby/"
HANDSHAKE = {"upgrade": "websocket", "connection": "Upgrade", "origin": f"https://{HOST}"}
FORGED = "198.51.100.66"  # an address that a visitor claims to have
LONG_KEY = "".join(map(chr, range(50, 110)))
REDIS = "redis://127.0.0.1:6379"
UPGRADED = "proxy_set_header Upgrade $http_upgrade; and proxy_set_header Connection $connection_upgrade;"
BALANCED = "In the block upstream: least_conn; and a line server for 127.0.0.1:8001 and one for 127.0.0.1:8002."
TRIED = "server 127.0.0.1:8001 max_fails=0; and the same for 8002: nginx tries them each time."
BELIEVED = 'With DJANGO_HTTPS=1: SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https").'
HIDDEN = "With DJANGO_HTTPS=1: SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True."
IMMEDIATE = 'In DATABASES["default"]: "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20}.'


@pytest.fixture
def project(pytestconfig):
    return pytestconfig.project


@pytest.fixture
def nginx(project):
    """nginx with the project's configuration, as our reader understands it."""
    return Nginx(project)


def load_settings(project, environment=()):
    """Return the project's settings as a process with this environment has them."""
    others = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "REDIS_"))}
    with mock.patch.dict(os.environ, {**others, **dict(environment)}, clear=True):
        names = runpy.run_path(str(project / FILE))
    return {name: value for name, value in names.items() if name.isupper()}


def behind_proxy(settings):
    """For a `with` statement: Django has those of these settings that say what it believes of a request."""
    from django.test import override_settings

    pair = settings.get("SECURE_PROXY_SSL_HEADER")
    expect(
        pair is None or (isinstance(pair, tuple | list) and len(pair) == 2),
        seen=f"SECURE_PROXY_SSL_HEADER is {pair!r}, and Django wants two values: a header, and what it says for HTTPS.",
        asked=BELIEVED,
        file=FILE,
    )
    names = (
        "ALLOWED_HOSTS",
        "DEBUG",
        "SECURE_PROXY_SSL_HEADER",
        "SESSION_COOKIE_SECURE",
        "CSRF_COOKIE_SECURE",
        "SECRET_KEY",
    )
    return override_settings(**{name: settings[name] for name in names if name in settings})


def send_form(headers):
    """Return the status with which the project answers a form of its own page."""
    from django.test import Client, override_settings

    client = Client(enforce_csrf_checks=True, SERVER_NAME="nobody.has.said")
    secret = "a" * 32
    client.cookies["csrftoken"] = secret
    environ = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    with override_settings(STATIC_ROOT=None):  # WhiteNoise warns of a folder that isn't there yet
        return client.post("/chat/", {"csrfmiddlewaretoken": secret}, **environ).status_code


# nginx


def passed(nginx, address, what, **headers):
    """Return what nginx passes on of a request. Raises Unmet if it passes on nothing."""
    found = nginx.ask(address, **headers)
    expect(
        isinstance(found, Passed),
        seen=f"Asked for {what}, {found}.",
        asked="In the location /: proxy_pass http://chat;",
        file=CONF,
    )
    path = urlsplit(address).path
    expect(
        found.path == path,
        seen=f"{what.capitalize()} is {path}, and nginx asks the server for {found.path}: nothing is there.",
        asked="proxy_pass http://chat; with nothing behind the name, so that the path stays as it is.",
        file=CONF,
    )
    return found


def test_two_servers_share_the_visitors(nginx):
    """nginx has two servers, and each new connection goes to the one with the fewest."""
    for address, what in ((ROOM, "a room's page"), (SOCKET, "a socket")):
        found = passed(nginx, address, what)
        working = [each for each in found.servers if not {"down", "backup"} & set(each.arguments)]
        addresses = [each.arguments[0].replace("localhost", "127.0.0.1") for each in working]
        expected = [f"127.0.0.1:{port}" for port in SERVERS]
        wrong = [each for each in addresses if each not in expected]
        expect(
            not wrong,
            seen=f"Asked for {what}, nginx tries {' and '.join(wrong)}, where no server of the chat is: if no other "
            "one answers either, it says 502, Bad Gateway.",
            asked=f"{BALANCED} The unit's instances are chat@8001 and chat@8002.",
            file=CONF,
        )
        expect(
            sorted(addresses) == expected,
            seen=f"Asked for {what}, nginx passes visitors on to {' and '.join(addresses) or 'nobody'}.",
            asked=BALANCED,
            file=CONF,
        )
        expect(
            not {"ip_hash", "hash"} & set(found.balance),
            seen="nginx chooses a server by what it knows of a visitor, such as the address: a whole school may have "
            "one, and then all of it is on one server.",
            asked=f"{BALANCED} A socket is one connection, and stays where it is by itself.",
            file=CONF,
        )
        expect(
            any(word.startswith("least_conn") for word in found.balance),
            seen="The servers take turns. After one of them was started again, it gets every second newcomer, and the "
            "other one keeps all the old sockets as well.",
            asked=f"{BALANCED} A socket stays for hours, so taking turns doesn't even it out.",
            file=CONF,
        )


def test_who_comes_without_https_is_sent_to_the_same_address_with_it(nginx):
    """Whoever comes by http:// is sent to the same address by https://, and stays there."""
    asked = "For port 80: return 301 https://$host$request_uri;"
    for host, address in ((HOST, "/"), (HOST, "/chat/lobby/?from=mail"), ("other.example", "/chat/")):
        answer = nginx.ask(f"http://{host}{address}", x_forwarded_proto="https")
        expect(
            isinstance(answer, Answer),
            seen=f"http://{host}{address} was passed on to the chat, without HTTPS.",
            asked=asked,
            file=CONF,
        )
        expect(
            answer.status in (301, 302, 303, 307, 308) and answer.location == f"https://{host}{address}",
            seen=f"Asked for http://{host}{address}, {answer}.",
            asked=asked,
            file=CONF,
        )
        expect(
            answer.status in (301, 308),
            seen=f"Asked for http://{host}{address}, {answer}: the browser asks without HTTPS again each time.",
            asked=asked,
            file=CONF,
        )


def expect_handshake(nginx):
    """Raise Unmet unless a socket's handshake gets through nginx. Return what it passes on."""
    found = passed(nginx, SOCKET, "a socket", **HANDSHAKE)
    upgrade, connection = found.headers.get("upgrade"), found.headers.get("connection", "")
    expect(
        (upgrade or "").lower() == "websocket",
        seen="A socket gets a 404: nginx "
        + (f"sends “Upgrade: {upgrade}”, which no server knows." if upgrade else "leaves out its header Upgrade.")
        + found.why_without("upgrade")
        + " So the server looks for a page at /ws/chat/lobby/.",
        asked=UPGRADED,
        file=CONF,
    )
    expect(
        "upgrade" in [token.strip().lower() for token in connection.split(",")],
        seen=f"A socket gets a 400: nginx sends “Connection: {connection or '(nothing)'}” with its Upgrade, and the "
        f"server misses the word upgrade there.{found.why_without('connection')}",
        asked=UPGRADED,
        file=CONF,
    )
    return found


def test_a_handshake_gets_through_nginx(nginx):
    """A socket's handshake reaches the server as a handshake, with the headers Upgrade and Connection."""
    expect_handshake(nginx)


def test_a_quiet_socket_stays_open(nginx, project):
    """A socket on which nobody speaks stays open: the server's ping comes before nginx loses its patience."""
    silence = expect_handshake(nginx).silence
    unit = Unit(project, "8001")
    found = re.search(r"--ping-interval[ =](\d+)", unit.get("ExecStart"))
    ping = int(found[1]) if found else 20
    asked = f"proxy_read_timeout is longer than the {ping} s between two of daphne's pings: 60s, say."
    expect(
        silence > ping > 0,
        seen=f"nginx ends a socket after {silence:g} s of silence, and daphne's ping comes after {ping} s: in a quiet "
        "room, the page has to connect again and again.",
        asked=asked,
        file=CONF,
    )


def test_a_server_that_is_back_is_used_again(nginx):
    """A server that was away for a moment, as at each update, gets visitors again as soon as it is back."""
    for server in passed(nginx, ROOM, "a room's page").servers:
        given = dict(each.split("=", 1) for each in server.arguments if "=" in each)
        pause = 0 if given.get("max_fails") == "0" else seconds(given.get("fail_timeout", "10s"))
        expect(
            pause <= 1,
            seen=f"After a server was away for a moment, nginx doesn't try it again for {pause:g} s: if both were, "
            "everyone gets a 502 for so long.",
            asked=TRIED,
            file=CONF,
        )


def test_the_server_hears_for_whom_nginx_asks(nginx, django):
    """The server hears the Host and https, so a form from the chat's own page is accepted."""
    from django.test import override_settings

    found = passed(nginx, ROOM, "a room's page", origin=f"https://{HOST}")
    host, proto = found.headers.get("host"), found.headers.get("x-forwarded-proto")
    right = {"ALLOWED_HOSTS": [HOST], "SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https"), "DEBUG": False}
    with override_settings(**right):
        status = send_form(found.headers)
        expect(
            status != 400,
            seen=f"Each page is answered with 400: the visitor asks for the host {HOST}, and nginx asks the server for "
            f"the host {host or '(none)'}, which isn't in ALLOWED_HOSTS.{found.why_without('host')}",
            asked="proxy_set_header Host $http_host;",
            file=CONF,
        )
        https = proto == "https"
        expect(
            status != 403 or https,
            seen="A form on a page of https:// is refused, 403, “Origin checking failed”: nginx sends "
            + (f"“X-Forwarded-Proto: {proto}”" if proto else "no X-Forwarded-Proto")
            + f", so Django believes that its page has come without HTTPS.{found.why_without('x-forwarded-proto')}",
            asked="proxy_set_header X-Forwarded-Proto $scheme;",
            file=CONF,
        )
        expect(
            status != 403,
            seen=f"A form on a page of https://{HOST} is refused, 403, “Origin checking failed”: for Django, that "
            f"page's host is {host}.",
            asked="proxy_set_header Host $http_host;",
            file=CONF,
        )
        claims = nginx.ask(ROOM, x_forwarded_proto="http").headers.get("x-forwarded-proto")
        expect(
            https and claims == "https",
            seen=f"A visitor who sends “X-Forwarded-Proto: http” comes by https, and the server hears {claims}.",
            asked="proxy_set_header X-Forwarded-Proto $scheme; which no visitor can choose.",
            file=CONF,
        )


def test_nginx_finds_the_static_files(nginx, project):
    """nginx finds the admin's styles where collectstatic puts them."""
    found = nginx.ask(f"https://{HOST}/static/admin/css/base.css")
    root = load_settings(project).get("STATIC_ROOT")
    expect(
        root,
        seen="The settings have no STATIC_ROOT: collectstatic ends with an error, and nginx finds no file.",
        asked='STATIC_ROOT = BASE_DIR / "static"',
        file=FILE,
    )
    if isinstance(found, Passed):
        return  # WhiteNoise serves them from where they are
    there = f"{SRV}{str(root).removeprefix(str(project))}".replace("\\", "/").rstrip("/") + "/admin/css/base.css"
    expect(
        found.file == there,
        seen=f"collectstatic writes {there}. Asked for /static/admin/css/base.css, "
        + (f"nginx looks for {found.file}: 404." if found.file else f"{found}."),
        asked="location /static/ { alias /srv/chat/static/; } with a slash at both ends.",
        file=CONF,
    )


# The settings


def test_django_believes_the_proxy_about_https(django, project):
    """Behind nginx, Django knows which request has come by HTTPS. Without DJANGO_HTTPS it believes no header."""
    from django.test import RequestFactory

    for environment, proto, secure in (
        ({"DJANGO_HTTPS": "1"}, "https", True),
        ({"DJANGO_HTTPS": "1"}, "http", False),
        ({}, "https", False),
        ({"DJANGO_HTTPS": "0"}, "https", False),
    ):
        set_to = f"With DJANGO_HTTPS={environment['DJANGO_HTTPS']}" if environment else "Without DJANGO_HTTPS"
        with behind_proxy(load_settings(project, environment)):
            request = RequestFactory().get("/", headers={"x-forwarded-proto": proto})
            if request.is_secure() == secure:
                continue
        raise Unmet(
            f"{set_to}, a request with “X-Forwarded-Proto: {proto}” {'is not' if secure else 'is'} secure for Django"
            + (
                ": where no server looks at this header either, each form on a page of https:// is refused, with a 403."
                if secure
                else ": everyone who reaches the server can say so."
            ),
            BELIEVED,
            FILE,
        )


def test_the_cookies_travel_by_https_only(django, project):
    """With DJANGO_HTTPS=1 a browser sends the session and the CSRF cookie by HTTPS only, and otherwise always."""
    for environment, secure in (({"DJANGO_HTTPS": "1"}, True), ({}, False), ({"DJANGO_HTTPS": "0"}, False)):
        settings = load_settings(project, environment)
        for name, cookie in (("SESSION_COOKIE_SECURE", "session"), ("CSRF_COOKIE_SECURE", "CSRF")):
            set_to = f"With DJANGO_HTTPS={environment['DJANGO_HTTPS']}" if environment else "Without DJANGO_HTTPS"
            expect(
                bool(settings.get(name)) == secure,
                seen=f"{set_to}, {name} is {settings.get(name, 'not set')}: the browser sends its {cookie} cookie "
                + (
                    "without HTTPS, too, where others can read it."
                    if secure
                    else "by HTTPS only, so nobody can log in where runserver has none."
                ),
                asked=HIDDEN,
                file=FILE,
            )


def test_the_cache_is_shared_like_the_rooms(django, project):
    """With REDIS_URL, what one process puts into Django's cache is there for the others, and Redis keeps it."""
    from django.conf import global_settings
    from django.core.cache import CacheHandler, InvalidCacheBackendError
    from django.core.cache.backends.dummy import DummyCache
    from django.core.cache.backends.locmem import LocMemCache

    asked = (
        'With REDIS_URL: CACHES["default"] has the BACKEND django.core.cache.backends.redis.RedisCache, LOCATION and '
    )
    asked += 'OPTIONS {"db": 1}.'
    unusable = InvalidCacheBackendError, KeyError, TypeError, ValueError
    made = {}
    for url in (REDIS, None):
        settings = load_settings(project, {"REDIS_URL": url} if url else {})
        try:
            made[url] = CacheHandler(settings.get("CACHES", global_settings.CACHES))["default"]
        except unusable as error:
            raise unusable_cache("With" if url else "Without", error, asked) from error
    cache = made[REDIS]
    expect(
        not isinstance(cache, (LocMemCache, DummyCache)),
        seen=f"With REDIS_URL, Django's cache is a {type(cache).__name__}: each process has its own, so what one has "
        "noted there, the other one doesn't know.",
        asked=asked,
        file=FILE,
    )
    if type(cache).__name__ != "RedisCache":
        return
    expect(
        type(made[None]).__name__ != "RedisCache",
        seen="Without REDIS_URL, Django's cache asks a Redis all the same.",
        asked=f"{asked} Without REDIS_URL, no CACHES.",
        file=FILE,
    )
    try:
        client = cache._cache.get_client()
    except unusable as error:
        raise unusable_cache("With", error, asked) from error
    goes_to = client.connection_pool.connection_kwargs
    client.close()
    where = f"{goes_to.get('host')}:{goes_to.get('port')}, database {goes_to.get('db') or 0}"
    expect(
        where == "127.0.0.1:6379, database 1",
        seen=f"With REDIS_URL={REDIS}, Django's cache is at {where}."
        + (" That one is the rooms': cache.clear() would empty it." if where.endswith("database 0") else ""),
        asked=asked,
        file=FILE,
    )


def unusable_cache(with_redis, error, asked):
    """Return the Unmet for CACHES of which Django can't make a cache."""
    seen = f"{with_redis} REDIS_URL, Django can't make its cache: {type(error).__name__}: {error}"
    return Unmet(seen.rstrip(".") + ".", asked, FILE)


def test_who_reads_and_then_writes_waits_for_its_turn(django, project, tmp_path):
    """Two processes that read and then write at the same time both succeed: one of them waits for its turn."""
    from django.core.exceptions import ImproperlyConfigured
    from django.db import DatabaseError

    settings = load_settings(project)["DATABASES"]
    beside = [name for name in ("OPTIONS", "timeout", "transaction_mode") if name in settings]
    inside = [name for name in ("timeout", "transaction_mode") if name in settings["default"]]
    misplaced = [f'{name} stands beside "default", where Django takes it for another database.' for name in beside]
    misplaced += [f'{name} stands beside "OPTIONS", where Django doesn\'t look.' for name in inside]
    try:
        with another_database(settings["default"], tmp_path / "shared.sqlite3") as alias:
            problem, patience = count_twice_at_once(alias)
    except (TypeError, ValueError, ImproperlyConfigured, DatabaseError) as error:
        options = settings["default"].get("OPTIONS")
        words = str(error).replace("'stage_15'", "'default'").rstrip(".")
        raise Unmet(
            f"The database's OPTIONS are {options!r}, and Django can't open it: {type(error).__name__}: {words}.",
            IMMEDIATE,
            FILE,
        ) from error
    expect(
        problem is None,
        seen=f"Two transactions began, each with a look, and then one wanted to write: {problem}, at once.\n       "
        + " ".join(misplaced or ["What a transaction has read isn't true any more if it waits now, so it can't."]),
        asked=IMMEDIATE,
        file=FILE,
    )
    expect(
        patience >= 20,
        seen=" ".join([f"A transaction waits for its turn, but for {patience:g} s at most.", *misplaced]),
        asked=IMMEDIATE,
        file=FILE,
    )


@contextlib.contextmanager
def another_database(settings, path):
    """A database in this file, with these settings. Returns its alias."""
    from django.db import connections
    from django.db.utils import ConnectionHandler

    alias = "stage_15"
    connections.settings[alias] = ConnectionHandler({"default": {**settings, "NAME": path}}).settings["default"]
    try:
        with connections[alias].cursor() as cursor:
            cursor.execute("CREATE TABLE visits (number integer)")
            cursor.execute("INSERT INTO visits VALUES (0)")
        yield alias
    finally:
        connections[alias].close()
        del connections[alias]
        del connections.settings[alias]


def count_twice_at_once(alias):
    """Add one to a number in two transactions at once. Return the words of an error, and how long one would wait."""
    from django.db import DatabaseError, connections, transaction

    first_has_read, second_has_read = threading.Event(), threading.Event()
    problems, patience = [], []

    def count(has_read, wait):
        try:
            with transaction.atomic(alias), connections[alias].cursor() as cursor:
                number = cursor.execute("SELECT number FROM visits").fetchone()[0]
                has_read.set()
                wait()
                cursor.execute("UPDATE visits SET number = %s", [number + 1])
                patience.append(cursor.execute("PRAGMA busy_timeout").fetchone()[0] / 1000)
        except DatabaseError as error:
            problems.append(f"{type(error).__name__}: {error}")
        finally:
            has_read.set()
            connections[alias].close()

    def second():
        first_has_read.wait(10)
        count(second_has_read, lambda: None)

    other = threading.Thread(target=second)
    other.start()
    # If the second one waits for its turn, it can't read before this one is through: a moment tells.
    count(first_has_read, lambda: second_has_read.wait(0.2))
    other.join()
    return (problems or [None])[0], min(patience, default=0)


# The servers' environment


def test_the_servers_environment_is_one_for_the_world(django, project):
    """With deploy/chat.env and a key of one's own, the chat answers as chat.example, by HTTPS, with no yellow page."""
    from django.conf import settings as now
    from django.core.checks import Tags, run_checks

    environment = read_environment(project)
    if "DJANGO_SECRET_KEY" in environment:
        environment["DJANGO_SECRET_KEY"] = LONG_KEY
    settings = load_settings(project, environment)
    expect(
        not settings["DEBUG"],
        seen="With deploy/chat.env DEBUG is True: whoever makes an error happen reads your settings on a yellow page.",
        asked="DJANGO_DEBUG=0",
        file=ENVIRONMENT,
    )
    expect(
        "REDIS_URL" in environment,
        seen="deploy/chat.env has no REDIS_URL: each of the two servers has rooms of its own.",
        asked=f"REDIS_URL={REDIS}",
        file=ENVIRONMENT,
    )
    expect(
        environment["REDIS_URL"].rstrip("/").removesuffix("/0").replace("localhost", "127.0.0.1") == REDIS,
        seen=f"REDIS_URL is {environment['REDIS_URL']}.",
        asked=f"REDIS_URL={REDIS}",
        file=ENVIRONMENT,
    )
    asked_for = {"host": HOST, "origin": f"https://{HOST}", "x-forwarded-proto": "https"}
    https = environment.get("DJANGO_HTTPS") == "1"
    with behind_proxy(settings):
        status = send_form(asked_for)
        expect(
            status != 400,
            seen=f"Asked for {HOST}, the chat answers 400: ALLOWED_HOSTS is {settings['ALLOWED_HOSTS']}.",
            asked=f"DJANGO_ALLOWED_HOSTS={HOST}",
            file=ENVIRONMENT,
        )
        expect(
            https,
            seen="deploy/chat.env doesn't say that the visitors use HTTPS: DJANGO_HTTPS is "
            f"{environment.get('DJANGO_HTTPS', 'not set')}.",
            asked="DJANGO_HTTPS=1",
            file=ENVIRONMENT,
        )
        expect(
            status != 403,
            seen="A request with “X-Forwarded-Proto: https” is not secure for Django: where no server looks at this "
            "header either, each form on a page of https:// is refused, with a 403.",
            asked=BELIEVED,
            file=FILE,
        )
        wanted = {"security.W009", "security.W012", "security.W016", "security.W018", "security.W020"}
        assert now.DEBUG == settings["DEBUG"]
        found = run_checks(tags=[Tags.security], include_deployment_checks=True)
    found = [each for each in found if each.id in wanted]
    expect(
        not found,
        seen="With deploy/chat.env and a key of one's own, `manage.py check --deploy` says: "
        + "".join(f"{each.id}: {each.msg}" for each in found[:1]),
        asked=HIDDEN if found and found[0].id in ("security.W012", "security.W016") else "DJANGO_SECRET_KEY=…",
        file=FILE if found and found[0].id in ("security.W012", "security.W016") else ENVIRONMENT,
    )


# The unit


def test_systemd_starts_a_server_again_when_it_ends(project):
    """systemd gives each server its environment, and starts it again whenever it ends by itself."""
    unit = Unit(project, "8001")
    unit.command()
    again = unit.get("Restart")
    expect(
        again == "always",
        seen=(f"Restart is “{again}”" if again else "The unit has no Restart in its section [Service]")
        + (
            ": a server that ends without an error, as after the command kill, stays away until somebody notices."
            if again.startswith("on-") and again != "on-success"
            else ": a server that has crashed stays away until somebody notices."
        ),
        asked="Restart=always, in the section [Service].",
        file=UNIT,
    )
    expect(
        unit.get("EnvironmentFile").lstrip("-") == "/etc/chat.env",
        seen=f"EnvironmentFile is “{unit.get('EnvironmentFile')}”, and deploy/chat.env is /etc/chat.env on a server.",
        asked="EnvironmentFile=/etc/chat.env, in the section [Service].",
        file=UNIT,
    )


@pytest.fixture(scope="module")
def daphne(pytestconfig, tmp_path_factory):
    """A real daphne, started as the unit says."""
    unit = Unit(pytestconfig.project, f"{free_port()}")
    server = RealDaphne(unit, {"DJANGO_SECRET_KEY": LONG_KEY}, tmp_path_factory.mktemp("daphne"))
    yield server
    server.stop()


def test_nobody_but_nginx_reaches_the_server(daphne):
    """daphne, started as the unit says, listens on 127.0.0.1 alone."""
    others = [address for address in daphne.listens_on if address not in ("127.0.0.1", "::1")]
    expect(
        not others,
        seen=f"daphne listens on {' and '.join(others)}: everyone reaches it past nginx and HTTPS, and whoever does "
        "can send an X-Forwarded-Proto and an X-Forwarded-For of their own.",
        asked="--bind 127.0.0.1",
        file=UNIT,
    )


def test_the_server_knows_a_visitors_real_address(daphne, nginx):
    """daphne sees a visitor's address and https, not nginx's address, and not what a visitor claims."""
    asked = "proxy_set_header X-Forwarded-For $remote_addr;"
    found = passed(nginx, ROOM, "a room's page")
    honest = found.headers
    sent = honest.get("x-forwarded-for")
    seen, scheme = daphne.ask(honest)
    expect(
        sent or seen == VISITOR,
        seen="nginx sends no X-Forwarded-For: for the server, all visitors have one address, nginx's own."
        + found.why_without("x-forwarded-for"),
        asked=asked,
        file=CONF,
    )
    expect(
        seen != "127.0.0.1",
        seen=f"nginx sends “X-Forwarded-For: {sent}”, and for daphne the visitor's address is still {seen}.",
        asked="--proxy-headers among daphne's options: it reads the X-Forwarded headers.",
        file=UNIT,
    )
    expect(
        seen == VISITOR,
        seen=f"A visitor comes from {VISITOR}, nginx sends “X-Forwarded-For: {sent}”, and for daphne it is {seen}.",
        asked=asked,
        file=CONF,
    )
    headers = passed(nginx, ROOM, "a room's page", x_forwarded_for=FORGED).headers
    seen, _ = daphne.ask(headers)
    expect(
        seen == VISITOR,
        seen=f"A visitor from {VISITOR} sends “X-Forwarded-For: {FORGED}”, nginx makes "
        f"“{headers.get('x-forwarded-for')}” of it, and daphne believes {seen}, the first of them.",
        asked=f"{asked} It replaces what a visitor claims. $proxy_add_x_forwarded_for adds to it.",
        file=CONF,
    )
    expect(
        scheme == "https",
        seen=f"A visitor comes by https, and for daphne it is {scheme}: X-Forwarded-Proto is "
        f"{honest.get('x-forwarded-proto', 'missing')}.",
        asked="proxy_set_header X-Forwarded-Proto $scheme;",
        file=CONF,
    )


def test_systemd_understands_the_unit(project, tmp_path):
    """systemd itself reads the unit without a complaint, where it is installed."""
    unit = Unit(project, "8001")
    unit.command()
    path = find_program("systemd-analyze")
    if path is None:
        pytest.skip("There is no systemd here to read your deploy/chat@.service: it is part of most Linux systems.")
    ours = re.sub(rf"{SRV}/\.venv/bin/\w+", sys.executable.replace("\\", r"\\"), unit.text)
    copy = tmp_path / "chat@8001.service"
    copy.write_text(ours, encoding="utf-8")
    run = subprocess.run([path, "verify", "--man=no", str(copy)], capture_output=True, encoding="utf-8", timeout=30)
    said = [line for line in run.stderr.splitlines() if "chat@8001.service:" in line]
    words = re.sub(r"^.*chat@8001\.service:", "", said[0]) if said else ""
    expect(
        not said,
        seen="systemd says about the unit: " + re.sub(r"^(\d+): ", r"line \1: ", words).strip(),
        asked="Each setting by its name, in its own section.",
        file=UNIT,
    )


# The real nginx


async def test_a_real_nginx_does_as_the_file_says(project, tmp_path):
    """A real nginx starts with the file, and what it lets through is what the servers need, where it is installed."""
    await sync_to_async(Nginx)(project)
    find_nginx()
    async with RealNginx(project, tmp_path) as nginx:
        forged = f"X-Forwarded-Proto: https\r\nX-Forwarded-For: {FORGED}"
        plain = await nginx.get("/chat/lobby/?from=mail", forged, port=80)
        plain.close()
        expect(
            plain.status in (301, 308) and plain.headers.get("location") == f"https://{HOST}/chat/lobby/?from=mail",
            seen=f"Asked for http://{HOST}/chat/lobby/?from=mail, nginx answered {plain.status}"
            + (f" and led to {plain.headers['location']}." if "location" in plain.headers else "."),
            asked="For port 80: return 301 https://$host$request_uri;",
            file=CONF,
        )
        expect(
            not any(server.requests for server in nginx.servers),
            seen="A request without HTTPS has reached a server.",
            asked="For port 80: return 301 https://$host$request_uri; and nothing else.",
            file=CONF,
        )
        sockets = [await nginx.open_socket(f"X-Forwarded-Proto: http\r\nX-Forwarded-For: {FORGED}") for _ in range(4)]
        requests = [request for server in nginx.servers for request in server.requests]
        expect_real(sockets[0].status == 101 and await sockets[0].echo(b"hello") == b"hello", requests, UPGRADED)
        for name, value in (
            ("host", (HOST, f"{HOST}:443")),
            ("x-forwarded-proto", ("https",)),
        ):
            right = all(headers.get(name) in value for _, headers in requests)
            expect_real(right, requests, f"A line proxy_set_header that makes {name} {value[0]}.")
        spread = [len(server.requests) for server in nginx.servers]
        expect(
            spread == [2, 2],
            seen=f"Four sockets are open at once, and the two servers have {spread[0]} and {spread[1]} of them.",
            asked=BALANCED,
            file=CONF,
        )
        for each in sockets:
            each.close()
        page, style = await nginx.get("/chat/lobby/"), await nginx.get("/static/hello.css")
        expect(
            (page.status, page.body) == (200, b"page"),
            seen=f"A room's page came through nginx with the status {page.status}.",
            asked="In the location /: proxy_pass http://chat;",
            file=CONF,
        )
        expect(
            style.body in (b"static", b"page"),
            seen=f"Asked for /static/hello.css, nginx answered {style.status}.",
            asked="location /static/ { alias /srv/chat/static/; } with a slash at both ends.",
            file=CONF,
        )

        for server in nginx.servers:
            await server.stop()
        away = await nginx.get("/chat/lobby/")
        for server in nginx.servers:
            await server.start()
        back = await nginx.get("/chat/lobby/")
        deadline = time.monotonic() + 2
        while back.status == 502 and time.monotonic() < deadline:
            await asyncio.sleep(0.1)  # nginx may wait for a second until it tries again
            back = await nginx.get("/chat/lobby/")
        expect(
            away.status in (502, 503) and back.status == 200,
            seen=f"While no server was there, nginx answered {away.status}, and when both were back {back.status}.",
            asked=TRIED,
            file=CONF,
        )


def expect_real(met, requests, asked):
    """Raise Unmet with the headers that have reached a server unless `met` is true."""
    names = "host", "upgrade", "connection", "x-forwarded-proto", "x-forwarded-for"
    arrived = [f"{name}: {headers[name]}" for _, headers in requests[:1] for name in names if name in headers]
    expect(
        met,
        seen=f"What has reached a server of a socket's handshake: {', '.join(arrived) or 'nothing'}.",
        asked=asked,
        file=CONF,
    )
