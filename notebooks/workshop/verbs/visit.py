"""Somebody who visits a server's pages and has cookies: a browser without JavaScript, to use from a cell."""

import json
from http.cookiejar import CookieJar
from typing import NamedTuple
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPCookieProcessor, HTTPSHandler, ProxyHandler, Request, build_opener

from workshop.errors import WorkshopError

PATIENCE = 10  # seconds to wait for a page
LOGIN, LOGOUT, TOKEN = "accounts/login/", "accounts/logout/", "accounts/token/"


class Page(NamedTuple):
    """What a server has answered: its status, the address of the page, and the page's text."""

    status: int
    address: str
    text: str

    def __repr__(self):
        return f"{self.status} {self.address}"


class Visitor:
    """Somebody who visits the pages of a server. What the server stores in their cookies stays there."""

    def __init__(self, server):
        self.server, self._jar = server, CookieJar()
        self._opener = build_opener(ProxyHandler({}), HTTPSHandler(context=server.tls), HTTPCookieProcessor(self._jar))

    def get(self, path):
        """
        Return the Page at a path, such as "/chat/lobby/". A redirect is followed.

        Raises WorkshopError if the server can't be reached.
        """
        return self._open(path)

    def post(self, path, **fields):
        """
        Send a form with these fields to a path, and return the Page that comes back. A redirect is followed.

        Raises WorkshopError if the server can't be reached.
        """
        secret = self._cookies().get("csrftoken", "")  # by it Django knows that the form comes from a page of its own
        headers = {"X-CSRFToken": secret, "Origin": self.server.url.rstrip("/")}
        return self._open(path, data=urlencode(fields).encode(), headers=headers)

    def log_in(self, username, password):
        """Log in on the login page. Raises WorkshopError, with what the server answers, if that doesn't work."""
        form = self.get(LOGIN)
        page = self.post(LOGIN, username=username, password=password) if form.status == 200 else form
        if page.status != 200 or page.address.startswith(f"/{LOGIN}"):
            why = ": is the password right?" if page.status == 200 else "."
            raise WorkshopError(f"{username} could not log in. The server answers {page}{why}")

    def log_out(self):
        """Log out. Raises WorkshopError, with what the server answers, if that doesn't work."""
        page = self.post(LOGOUT)
        if page.status != 200:
            raise WorkshopError(f"Nobody was logged out. The server answers {page}.")

    def token(self, username, password):
        """Return a token for a socket. Raises WorkshopError, with what the server answers, if it gives none."""
        page = self.post(TOKEN, username=username, password=password)
        try:
            return json.loads(page.text)["token"]
        except (ValueError, KeyError, TypeError):
            answer = page.text if page.text.startswith("{") else page
            raise WorkshopError(f"{username} got no token. The server answers {answer}") from None

    def copy(self):
        """Return another visitor who has the same cookies now, as somebody who has stolen them would."""
        other = Visitor(self.server)
        for cookie in self._jar:
            other._jar.set_cookie(cookie)
        return other

    def cookie_header(self):
        """Return the cookies as a handshake's header has them: "" if there are none."""
        return "; ".join(f"{name}={value}" for name, value in self._cookies().items())

    def _cookies(self):
        return {cookie.name: cookie.value for cookie in self._jar}

    def _open(self, path, **request):
        address = self.server.url + path.lstrip("/")
        try:
            try:
                answer = self._opener.open(Request(address, **request), timeout=PATIENCE)
            except HTTPError as error:  # 403, say: it has a page too
                answer = error
            with answer:
                text = answer.read().decode("utf-8", "replace")
        except OSError as error:
            raise WorkshopError(f"{address} can't be reached: {error}") from None
        parts = urlsplit(answer.url)
        return Page(answer.status, parts.path + (f"?{parts.query}" if parts.query else ""), text)


def visit(server):
    """
    Return a Visitor of this server's pages, who has no cookies yet.

    They can get() a page and post() a form, log_in(username, password) and log_out(), ask for a token(username,
    password), and connect(server, room, visitor=…), which sends their cookies with the handshake.
    """
    return Visitor(server)
