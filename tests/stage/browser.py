"""
A page whose script runs: in V8, from the package mini-racer, on a document of our own (page/*.js).

The test plays the person, the server and the clock. Whatever the script did can be read afterwards.
"""

import functools
import html.entities
import json
import re
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from py_mini_racer import JSEvalException, JSOOMException, JSPromise, JSTimeoutException, MiniRacer

PATIENCE = 1.0  # seconds for one script or handler: many times what any page needs, unless its loop never ends
MEMORY = 200 * 2**20  # bytes: a loop that fills a list ends there
ROOM = "chat/templates/chat/room.html"
PARTS = (
    "noted events nodes elements controls selectors html addresses sockets person calls globals".split()
)  # of page/*.js, in order
KEYS = {"Enter": ("Enter", 13, "\n")}  # its code, its number, and what it types


@functools.cache
def _setup():
    """Return the code in page/*.js, and what it needs to know: a browser's names, and those of characters as a text."""
    folder = Path(__file__).with_name("page")
    code = "".join(folder.joinpath(f"{part}.js").read_text(encoding="utf-8") for part in PARTS)
    return (
        f'(() => {{\n"use strict";\n{code}\nreturn api;\n}})()\n//# sourceURL=browser.js',
        (folder / "names.json").read_text(encoding="utf-8"),
        json.dumps(json.dumps({name: text for name, text in html.entities.html5.items() if name.endswith(";")})),
    )


class ScriptError:
    """
    An error that the page's script raised: its name and message, the file and line to open, and the code there.

    `spot` is the place in the page as it was sent, "page:12", or in a static file. `how` is "error" or "rejection".
    """

    def __init__(self, name, message, file, line, code, spot=None, how="error"):
        self.name, self.message, self.file, self.line, self.code = name, message, file, line, code
        self.spot, self.how = spot, how

    def __str__(self):
        return ": ".join(filter(None, [self.name, self.message]))


class Browser:
    """
    A page that Django's test client has fetched, and its script, which has run. To be used in a `with` statement.

    `origin` is the page's: scheme, host and port. `project` is the folder that holds manage.py, in which the line of
    an error is looked for.
    """

    patience = PATIENCE

    def __init__(self, client, path, *, project, origin="http://localhost:8000", response=None, file=ROOM):
        self.client, self.path, self.project, self.origin, self.file = client, path, Path(project), origin, file
        response = response or client.get(path, follow=True)
        if getattr(response, "redirect_chain", None):
            self.path = response.redirect_chain[-1][0]
        self.html = response.content.decode("utf-8").replace("\r\n", "\n")
        self.sources = {"page": self.html}
        self.errors, self.missing_files, self.endless = [], [], False
        self._seen_errors, self._code = 0, []
        code, names, entities = _setup()
        self.engine = MiniRacer()
        self.engine.set_hard_memory_limit(MEMORY)
        try:
            self.engine.eval(f"globalThis.__page = {code}")
            setup = f'{{"html": {json.dumps(self.html)}, "url": {json.dumps(urljoin(origin, self.path))}, '
            self.engine.eval(f'__page.boot({setup} "names": {names}, "entities": {entities}}}); 0')
            self._load()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def close(self):
        """Let go of the engine. A process in which one is left open may not end."""
        self.engine.close()

    # What runs

    def _do(self, call):
        """Call a function of calls.js, and note what its listeners raised."""
        result = self._ask(call)
        if not self.endless:
            seen = self._seen("errors")
            for error in seen[self._seen_errors :]:
                self.errors.append(self._error_from(error))
            self._seen_errors = len(seen)
        return result

    def _ask(self, call):
        """Call a function of calls.js that changes nothing, so that no listener runs."""
        if self.endless:  # what a loop has left half done tells nothing
            return None
        try:
            return json.loads(self.engine.eval(f"JSON.stringify(__page.{call}) ?? 'null'", timeout_sec=self.patience))
        except (JSTimeoutException, JSOOMException):
            self._note_endless()

    def _script(self, code, name):
        """Run a script of the page. Returns what it left: a promise, if it ends in one."""
        try:
            return self.engine.eval(f"{code}\n//# sourceURL={name}", timeout_sec=self.patience)
        except (JSTimeoutException, JSOOMException):
            self._note_endless()
        except JSEvalException as error:
            self.errors.append(self._error_from_text(str(error), name))

    def _note_endless(self):
        self.endless = True
        Browser.patience = PATIENCE / 10  # the loop is known now: let no other test wait for it as long
        self.errors.append(
            ScriptError(
                "",
                f"the script was stopped after {PATIENCE} s, or {MEMORY // 2**20} MB of memory",
                self.file,
                None,
                None,
            )
        )

    def _load(self):
        later = []
        while script := self._do("nextScript()"):
            if script["type"] in ("", "module", "text/javascript", "application/javascript", "text/ecmascript"):
                later.append(script) if script["later"] else self._run(script)
            if self.endless:
                return
        self._do("focusFirst()")
        for script in later:
            self._run(script)
        self._do("ready()")
        self._do("loaded()")

    def _run(self, script):
        name, code = "page", script["code"]
        self._code.append(code)
        if script["src"] is not None:
            name, code = script["src"], self._fetch(script["src"])
            if code is None:
                return
            self.sources[name] = code
            self._code.append(code)
        else:
            before = self.html[: script["place"]]
            code = "\n" * before.count("\n") + " " * (len(before) - before.rfind("\n") - 1) + code
        is_module = script["type"] == "module"
        if is_module and re.search(r"^\s*(import\s*[\w{*'\"]|export\s)", code, flags=re.MULTILINE):
            self._do('seen().unknown.push("import and export")')
            return
        if is_module:
            start = len(code) - len(code.lstrip("\n"))
            code = f'{code[:start]}(async () => {{ "use strict"; {code[start:]}\n}})()'
        self._do(f"begin({script['number']}, {json.dumps(is_module)})")
        left = self._script(code, name)
        if isinstance(left, JSPromise):
            self.engine.eval("(promise) => { __page.watch(promise); }")(left)
        self._do("end()")

    def _fetch(self, src):
        """Return a static file's text. What is elsewhere, or isn't there, is noted."""
        from django.conf import settings
        from django.contrib.staticfiles import finders

        url = urlsplit(urljoin(urljoin(self.origin, self.path), src))
        if url.netloc != urlsplit(self.origin).netloc:
            self._do(f"seen().unknown.push({json.dumps(f'the script {src}')})")
            return None
        static = "/" + (settings.STATIC_URL or "static/").strip("/") + "/"
        if url.path.startswith(static):
            found = finders.find(url.path.removeprefix(static))
            if found:
                return Path(found).read_text(encoding="utf-8")
        else:
            response = self.client.get(url.path)
            if response.status_code == 200:
                return b"".join(response).decode("utf-8")
        self.missing_files.append(src)
        return None

    # Where an error came from

    def _error_from(self, error):
        place = self._place(error["stack"])
        return ScriptError(error["name"], error["message"], *place, how=error["how"])

    def _error_from_text(self, text, script):
        """Read an error as the engine writes it: place, name and message, the line, a caret, and the stack."""
        place, _, rest = text.partition(": ")
        message = rest.split("\n")[0]
        name, colon, words = message.partition(": ")
        if not colon or not re.fullmatch(r"\w+", name):
            name, words = "", message
        source, _, line = place.rpartition(":")
        if source == "<anonymous>":  # it couldn't be read as far as its name, which stands at its end
            source = script
        if source not in self.sources:
            return ScriptError(name, words, *self._place(rest))
        return ScriptError(name, words, *self._at(source, int(line)))

    def _place(self, stack):
        """Return the file, the line and the code of the innermost step that is in the page's own scripts."""
        for name, line in re.findall(r"(?:at |\()([^\s()]+?):(\d+):\d+\)?$", stack, flags=re.MULTILINE):
            if name in self.sources:
                return self._at(name, int(line))
        for attribute in re.findall(r"\b(on[a-z]+):\d+:\d+", stack):  # such as onclick="…"
            found = [line for line, text in enumerate(self.html.splitlines(), 1) if f"{attribute}=" in text]
            if len(found) == 1:
                return self._at("page", found[0])
        return self.file, None, None, None

    def _at(self, name, line):
        lines = self.sources[name].splitlines()
        code = lines[line - 1].strip() if 0 < line <= len(lines) else ""
        if name != "page":
            return self._static_file(name), line, code, f"{name}:{line}"
        template = self.project / self.file
        for path in [template, *sorted((self.project / "chat").rglob("templates/**/*.html"))]:
            own = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
            places = [number for number, text in enumerate(own, 1) if text.strip() == code]
            if code and len(places) == 1:
                return path.relative_to(self.project).as_posix(), places[0], code, f"page:{line}"
        return self.file, None, code, f"page:{line}"

    def script_file(self):
        """Return the file with the script that opens the socket, if it is one static file. Otherwise, the template."""
        names = [name for name, text in self.sources.items() if name != "page" and "WebSocket" in text]
        return self._static_file(names[0]) if len(names) == 1 else self.file

    def _static_file(self, src):
        from django.contrib.staticfiles import finders

        found = finders.find(urlsplit(src).path.partition("static/")[2])
        if found and Path(found).is_relative_to(self.project):
            return Path(found).relative_to(self.project).as_posix()
        return src

    # What a person, the server and the clock do

    def type(self, text, into="chat-message-input"):
        """Type a text into an element."""
        self._do(f"focus({json.dumps(into)})")
        for character in text:
            self.press(character, character)

    def press(self, key, text=None):
        code, number, typed = KEYS.get(key, (f"Key{key.upper()}", ord(key[0].upper()), text))
        self._do(f"press({json.dumps(key)}, {json.dumps(code)}, {number}, {json.dumps(typed)})")

    def press_enter(self):
        """Press Enter, in the element that has the focus."""
        self.press("Enter")

    def compose_enter(self):
        """Press the Enter that ends an input method's composition, as whoever types Chinese does for each word."""
        self._do("compose()")

    def click(self, element_id):
        self._do(f"click({json.dumps(element_id)})")

    def open_socket(self):
        """The server accepts each socket that waits for it."""
        for number in self._in_state(0):
            self._do(f"open({number})")

    def receive(self, text):
        """A frame, a text, arrives on each open socket."""
        for number in self._in_state(1):
            self._do(f"receive({number}, {json.dumps(text)})")

    def close_socket(self, code=1006):
        """Each connection ends, and each attempt to connect fails."""
        for number in self._in_state(0, 1, 2):
            self._do(f"closeSocket({number}, {code}, {json.dumps(code == 1000)})")

    def _in_state(self, *states):
        return [number for number, socket in enumerate(self.sockets) if socket["state"] in states]

    def run_timers(self, milliseconds):
        """Let this much time pass."""
        for _ in range(1000):  # a timer may start the next one without end
            milliseconds = self._do(f"runTimer({milliseconds})")
            if milliseconds is None:
                return

    @property
    def timers(self):
        """How many timers wait for their time."""
        return self._ask("timers()")

    # What can be seen

    @property
    def sockets(self):
        """The sockets that the script opened, each a dict: url, state, frames, what it listens to."""
        return self._ask("sockets()") or []

    @property
    def frames(self):
        """What was sent on open sockets, in order: each a dict with "text" and "type"."""
        return [frame for socket in self.sockets for frame in socket["frames"]]

    def text(self, element_id):
        """What an element shows, or None if there is no such element."""
        return self._ask(f"shown({json.dumps(element_id)})")

    def ids(self):
        return self._ask("ids()") or []

    def evaluate(self, expression):
        """Return the value of an expression in the page, if it is a text, a number, a truth value or null."""
        return self.engine.eval(expression, timeout_sec=self.patience)

    def body_text(self):
        return self._ask("text()") or ""

    def matches(self, selector):
        """Whether an element of the page as it is now fits the selector."""
        return self._ask(f"matches({json.dumps(selector)})")

    def scripts(self):
        """The code of the page's scripts, in order, without data."""
        return self._code

    def listens(self):
        """Return (element, event) for each listener on the page's elements."""
        return [tuple(each) for each in self._ask("listens()") or []]

    def strangers(self):
        """Return (element, property) for each property that looks like an event's handler and is none."""
        return [tuple(each) for each in self._ask("strangers()") or []]

    def _seen(self, name):
        return json.loads(self.engine.eval(f"JSON.stringify(__page.seen().{name} ?? null)"))

    @property
    def left(self):
        """How the page was left, a dict with "how" and "url", or None."""
        return self._seen("left")

    @property
    def unknown(self):
        """What the script uses that a browser may have and this page hasn't."""
        return self._seen("unknown")

    @property
    def missed(self):
        """The elements that the script looked for in vain: each a dict with "id" or "selector"."""
        return self._seen("missed")
