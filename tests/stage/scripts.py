"""What is wrong with a page's script, in words: made from what it did in a Browser, and from what it says."""

import ast
import contextlib
import difflib
import html
import json
import re
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import pytest

from stage.browser import Browser
from stage.code import read_code
from stage.expectations import Unmet

EVENTS = {"submit", "click", "keyup", "keydown", "keypress", "input", "change", "open", "message", "close", "error"}
ELEMENTS_FIRST = "The <script> stands at the end of the <body>: before that, its elements aren't there yet."


@contextlib.contextmanager
def browse(client, path, project, origin="http://localhost:8000"):
    """The page at this path in a Browser, for a `with` statement. Raises Unmet if its script raises an error."""
    with Browser(client, path, project=project, origin=origin) as page:
        if not page.errors and not page.sockets:
            page.run_timers(2000)  # it may wait a moment before it connects
        blame_errors(page)
        yield page


def blame(page, seen, asked, file=None, *, sure=False):
    """
    Raise Unmet, unless the script uses what browsers have and our page hasn't: then nobody can know, so skip the test.

    `sure` says that this has nothing to do with it. Without a `file`, the one to open is the script's.
    """
    if page.unknown and not sure:
        pytest.skip(
            f"The script uses what this test's page doesn't know: {', '.join(page.unknown)}. Only a browser can tell: "
            "look at the page there, with its console open (F12)."
        )
    unmet = Unmet(seen, asked, file or page.script_file())
    unmet.page = True
    raise unmet


def blame_errors(page):
    """Raise Unmet if the script is missing or raised an error so far."""
    if page.missing_files:
        blame(
            page,
            f'The page asks for the script "{page.missing_files[0]}", and there is no such file.',
            'The file is in chat/static/, and the page has {% load static %} and <script src="{% static "…" %}">.',
        )
    if not page.errors:
        return
    error = page.errors[0]
    if page.endless:
        blame(page, f"A loop never ends: {error}.", "Each loop in the script ends.")
    seen = f"The script raises {error}" if error.how == "error" else f"A promise in the script fails: {error}"
    if error.code:
        line = f", line {error.line}" if error.line else ", in the line"
        seen += f"\n       in {error.file}{line}: {_short(error.code)}"
    meaning, asked = _meaning(page, error)
    if meaning:
        seen += f"\n       {meaning}"
    elsewhere = any(each.startswith("the script ") for each in page.unknown)  # which may declare the name
    sure = error.name in ("ReferenceError", "SyntaxError") or "is not a function" in error.message
    blame(page, seen, asked, error.file, sure=sure and not elsewhere)


def _meaning(page, error):
    """Return (what the error means, what is asked). The first is empty where nothing is sure."""
    message, script = error.message, "\n".join(page.sources.values())
    if re.search(r"&(quot|#x27|lt|gt|amp);", error.code or "") and error.name == "SyntaxError":
        return (
            "Django escaped the value for HTML, and a script doesn't undo that.",
            '{{ room_name|json_script:"room-name" }}, and JSON.parse of its textContent in the script.',
        )
    if (found := re.match(r"(\S+) is not defined$", message)) and found[1] == _room(page):
        return (
            "The template writes the room's name into the script as if it were code.",
            '{{ room_name|json_script:"room-name" }}, and JSON.parse of its textContent in the script.',
        )
    if found := re.match(r"(\S+) is not defined$", message):
        return _unknown_name(found[1], script)
    if found := re.match(r"Cannot access '(\w+)' before initialization", message):
        return f"This line runs before the one that declares {found[1]}.", f"Declare {found[1]} above its first use."
    if re.match(r"Cannot (read properties|set properties) of (null|undefined)", message):
        return _nothing_there(page, error, message)
    if found := re.match(r"(?:([\w.]+)\.)?(\w+) is not a function", message):
        return _no_such_function(found[1], found[2])
    if "is not valid JSON" in message or "JSON input" in message:
        return _not_json(message)
    if error.name == "InvalidStateError" and len(page.sockets) > 1:
        return (
            f"send() ran on a socket that was not open yet: the script has made {len(page.sockets)} sockets.",
            "One socket for the page, made once. Each message is sent on it.",
        )
    if error.name == "InvalidStateError":
        return (
            "send() ran before the socket was open.",
            'Send when the person does, or in the socket\'s "open" event.',
        )
    if error.name == "SecurityError":
        return (
            f"Under HTTPS a browser refuses ws://: the page was {page.origin}{page.path}.",
            "wss under HTTPS, ws otherwise: take the page's own protocol, with http replaced by ws.",
        )
    if "contains a fragment identifier" in message:
        return (
            f"In an address, # and ? have a meaning of their own, so a room called {_room(page)} has no socket.",
            "encodeURIComponent(roomName) in the address.",
        )
    if "Failed to construct 'WebSocket'" in message:
        return "", "An address such as ws://localhost:8000/ws/chat/lobby/, with encodeURIComponent(roomName) in it."
    if error.name == "SyntaxError" and "selector" in message:
        return "", 'A selector such as "#chat-log": # and an id.'
    if error.name == "SyntaxError":
        asked = "A script that a browser can read."
        if re.search("nexpected|missing|Unterminated|Invalid or", message):
            asked = "Every bracket and quote is closed, here or in the lines above."
        if message.startswith("await is only valid"):
            asked = "The function around the await is async."
        return "A browser can't read the script, so it runs none of it.", asked
    if message.startswith("Failed to construct 'URL'"):
        return "", "An address that is whole, or new URL(path, location.href)."
    return "", "The script raises no error."


def _room(page):
    return unquote(page.path).removeprefix("/chat/").removesuffix("/")


def _unknown_name(name, script):
    if name in ("None", "True", "False"):
        right = {"None": "null", "True": "true", "False": "false"}[name]
        return f"{name} is Python. In JavaScript it is {right}.", right + "."
    declared = set(re.findall(r"\b(?:const|let|var|function|class)\s+(\w+)", script))
    declared |= {
        each for part in re.findall(r"\(([\w\s,]*)\)\s*(?:=>|\{)", script) for each in re.findall(r"\w+", part)
    }
    others = {
        "document",
        "window",
        "location",
        "console",
        "JSON",
        "WebSocket",
        "encodeURIComponent",
        "setTimeout",
        "URL",
    }
    alike = _closest(name, declared) or _closest(name, others)
    meaning = f"Nothing is called {name}." + (f" There is {alike}." if alike else "")
    return meaning, "Every name in the script is declared, and written the same everywhere."


def _nothing_there(page, error, message):
    """Explain a null: the element that was looked for, and why it wasn't found."""
    name = _looked_for(page, error)
    if not name:
        return _no_value(page, error, message)
    asked_ids = "The ids in the script are those in the HTML."
    if name.startswith("##"):
        return f'getElementById("{name[1:]}") is given a #: it takes the id alone.', f'getElementById("{name[2:]}").'
    bare = name.removeprefix("#")
    if page.matches(name):
        return (
            f'The script looks for "{name}" before that element is there: it runs while the page is still being read.',
            ELEMENTS_FIRST,
        )
    if bare == name and bare in page.ids():
        return (
            f'querySelector("{name}") looks for an element <{name}>: there is none. An id needs a #: "#{name}".',
            f'document.querySelector("#{name}").',
        )
    ids = page.ids()
    alike = _closest(bare, ids)
    if not re.fullmatch(r"#[\w-]+", name):
        return f'The script looks for "{name}", and no element fits that.', "An element that the script finds."
    return f'The script looks for "{name}", but no element has that id.' + (
        f' There is "#{alike}".' if alike else f" The page has these ids: {', '.join(ids) or 'none'}."
    ), asked_ids


def _no_value(page, error, message):
    """Explain a null or undefined that is no element: which name has it, and why where that is sure."""
    script = "\n".join(page.sources.values())
    what, name = re.match(r".* of (null|undefined) \(\w+ '(\w+)'\)", message).groups()
    owners = set(re.findall(rf"([\w.]+(?:\([^()]*\))?)\??\.{name}\b", error.code or ""))
    if len(owners) != 1:
        return f"What has the property {name} is {what} here.", f"A value that has the property {name}."
    (owner,) = owners
    for assigned, function in re.findall(r"(?:\.|\b)(on\w+ *= *|addEventListener\([^,()]*, *)(\w+)\(\s*\)", script):
        if re.search(rf"function {function}\(\s*{re.escape(owner)}\b|\b{function} = \(?{re.escape(owner)}\b", script):
            return (
                f"{assigned}{function}() calls {function}() at once, so {owner} is {what}.",
                f"{assigned}{function}, without parentheses: the browser calls it later, with the event.",
            )
    declared = re.findall(rf"\b(?:const|let|var) {re.escape(owner)}\b", script)
    if len(declared) > 1:
        return (
            f"{owner} is {what} here. It is declared {len(declared)} times: each `const` or `let` makes a variable of "
            "its own, known only inside the braces around it.",
            f"{owner} is declared once, and set where it gets its value, without `const` or `let`.",
        )
    return f"{owner} is {what} here.", f"{owner} has a value before this line reads or sets its {name}."


def _looked_for(page, error):
    """Return the selector of the element that was null, if that is sure."""
    missed = [f"#{each['id']}" if "id" in each else each["selector"] for each in page.missed]
    here = [name for name in missed if name.removeprefix("#") in (error.code or "")]
    if here:
        return here[-1]
    variables = re.findall(r"(\w+)\??\.", error.code or "")
    for source in page.sources.values():
        for variable in variables:
            for name in missed:
                quoted = re.escape(name), re.escape(name.removeprefix("#"))
                if re.search(rf"\b{variable}\s*=[^;\n]*['\"`](?:{quoted[0]}|{quoted[1]})['\"`]", source):
                    return name
    # A function may look for what it is given: the error is then where the search was.
    spot = re.compile(rf"\b{re.escape(error.spot or 'nowhere')}:\d")
    same = [name for name, each in zip(missed, page.missed, strict=True) if spot.search(each["where"])]
    return same[-1] if same else None


def _no_such_function(owner, name):
    known = {
        "send",
        "close",
        "addEventListener",
        "querySelector",
        "querySelectorAll",
        "getElementById",
        "preventDefault",
    }
    known |= {"parse", "stringify", "append", "appendChild", "createElement", "replace", "insertAdjacentHTML"}
    alike = _closest(name, known)
    if name == "emit":
        return "A WebSocket has no emit().", "socket.send(JSON.stringify({message: …}))."
    if name == "on":
        return "A WebSocket has no on().", "socket.onmessage = …, or socket.addEventListener(…)."
    return (
        f"The closest name that exists is {alike}." if alike else ""
    ), f"{alike}()." if alike else "A function that exists."


def _not_json(message):
    asked = "JSON.parse(event.data): the frame's text is in the event's data."
    if found := re.search(r'"(\[object [\w.]*)', message):
        return f"JSON.parse got an object in place of a text: as a text, it is “{found[1]}…”.", asked
    if '"undefined"' in message:
        return "JSON.parse got undefined in place of a text.", asked
    return "JSON.parse got a text that is not JSON.", "JSON.parse of what is JSON."


# What the script did


def expect_socket(page, room, asked):
    """Return the socket that the script opened. Raises Unmet unless it has the address of this room's socket."""
    sockets = page.sockets
    if not sockets:
        blame(
            page, "The page's script opens no WebSocket.", "`new WebSocket(…)` with the address of the room's socket."
        )
    here, url = urlsplit(page.origin), urlsplit(sockets[0]["url"])
    scheme, path, address = {"http": "ws", "https": "wss"}[here.scheme], unquote(url.path), sockets[0]["url"]
    seen = f"On the page {page.origin}{unquote(page.path)}, the script connects to {address}"
    if url.scheme != scheme:
        blame(
            page,
            f"{seen}: under {here.scheme.upper()} the address begins with {url.scheme}://.",
            "wss under HTTPS, ws otherwise: take the page's own protocol, with http replaced by ws.",
        )
    if url.netloc != here.netloc:
        blame(
            page,
            f"{seen}: its host is {url.netloc}, and the page's is {here.netloc}.",
            "The page's own host, location.host, in the address.",
        )
    if path == f"/ws/chat/{room}/":
        return sockets[0]
    if html.escape(room) != room and html.escape(room) in path:
        blame(
            page,
            f"{seen}: it takes {html.escape(room)!r} for the name of the room {room!r}. "
            "Django escaped it for HTML, and a script doesn't undo that.",
            '{{ room_name|json_script:"room-name" }}, and JSON.parse of its textContent in the script.',
        )
    if path == f'/ws/chat/"{room}"/':
        blame(
            page,
            f"{seen}: the name has quotation marks around it. json_script writes JSON, and here it was read as text.",
            'JSON.parse(document.getElementById("room-name").textContent)',
        )
    if unquote(path) == f"/ws/chat/{room}/":
        blame(
            page,
            f"{seen}: the name was escaped twice. location's parts are escaped already.",
            "encodeURIComponent() once: of the name as it is, from json_script for example.",
        )
    if not any(each in page.html or each in html.unescape(page.html) for each in _spellings(room)):
        given, used = _context(page)
        blame(
            page,
            f"{seen}. The page of the room {room} has its name nowhere. The views' dicts have the keys: {given}. "
            f"The template uses: {used}.",
            'The view gives the template the name: render(request, "chat/room.html", {"room_name": room_name}).',
            "chat/views.py",
        )
    if path == f"/ws/chat/{room}":
        blame(
            page,
            f"{seen}, without a slash at its end. The route of stage 4 ends with one.",
            "A slash after the room's name: `/ws/chat/${encodeURIComponent(roomName)}/`.",
        )
    if room != "lobby" and path == "/ws/chat/lobby/":
        blame(
            page, f"{seen}: the socket of the room lobby, and not of this one.", "The room's own name in the address."
        )
    if re.search("[#?]", room) and path.startswith(f"/ws/chat/{re.split('[#?]', room)[0]}") and room not in path:
        blame(
            page,
            f"{seen}: there, # and ? have a meaning of their own, so a room called {room} has no socket.",
            "encodeURIComponent(roomName) in the address.",
        )
    blame(page, f"{seen}. The room's socket is {scheme}://{here.netloc}/ws/chat/<name>/.", asked)


def _context(page):
    """Return the keys of the dicts in the views, and the names that the room's template uses, as two texts."""
    code = read_code(page.project)
    keys = [key.value for each in code.walk("chat/views.py", ast.Dict) for key in each.keys if hasattr(key, "value")]
    used = re.findall(r"\{\{\s*(\w+)", code.text("chat/templates/chat/room.html"))
    return tuple(", ".join(dict.fromkeys(names)) or "nothing" for names in (keys, used))


def _spellings(room):
    """Return how a page may spell the room's name: as it is, in an address, in JSON, and as json_script writes it."""
    plain = [json.dumps(room)[1:-1], json.dumps(room, ensure_ascii=False)[1:-1]]
    marks = str.maketrans({"<": "\\u003C", ">": "\\u003E", "&": "\\u0026"})
    return [room, quote(room), *plain, *(each.translate(marks) for each in plain)]


def expect_stay(page, how, asked="event.preventDefault(), in what the form calls when it is submitted."):
    """Raise Unmet if the browser left the page."""
    if page.left:
        where, why = page.left["url"], _nothing_heard(page)
        if page.left["how"] != "form":
            blame(page, f"{how}, the browser left the page for {where}.{why}", "The page stays.")
        script = "\n".join(page.sources.values())
        if "return false" in script and re.search(r"addEventListener\(\s*['\"`]submit", script):
            why += " In addEventListener, `return false` means nothing."
        if re.search(r"preventDefault\s*[;\n}]", script):
            why += " The script only names preventDefault: the parentheses are missing."
        blame(
            page,
            f"{how}, the browser left the page for {where}: a browser sends a form by itself.{why}",
            'The script hears the form\'s submit: form.onsubmit, or addEventListener("submit", …).'
            if _nothing_heard(page)
            else asked,
        )


def expect_frame(page, text, how, asked):
    """Raise Unmet unless the script sent {"message": text} in one frame and stayed on the page."""
    expect_stay(page, how)
    frames = page.frames
    if not frames:
        blame(page, f"{how}, the script sent nothing.{_nothing_heard(page)}", asked)
    if len(frames) > 1:
        blame(
            page,
            f"{how}, the script sent {len(frames)} frames: {', '.join(_short(each['text']) for each in frames)}.",
            f"{how}, one frame.",
        )
    sent = frames[0]["text"]
    shown = f"{how}, the script sent {sent!r}"
    if sent is None:
        blame(page, f"{how}, the script sent a binary frame.", asked)
    if sent and sent.startswith("[object "):
        blame(page, f"{shown}: an object that JSON.stringify() didn't make a text of.", asked)
    try:
        value = json.loads(sent)
    except ValueError:
        blame(
            page,
            f"{shown}: the bare text. The consumer reads JSON." if sent == text else f"{shown}, which is not JSON.",
            asked,
        )
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            if isinstance(json.loads(value), dict):
                blame(page, f"{shown}: JSON in JSON. JSON.stringify() ran twice.", asked)
        blame(page, f"{shown}: JSON of a text, not of an object with a message.", asked)
    if not isinstance(value, dict):
        blame(page, f"{shown}: not an object with a message.", asked)
    if "message" not in value:
        keys = ", ".join(f'"{key}"' for key in value) or "no key"
        why = f"it has {keys}, and no" if value else "it has no"
        blame(page, f'{shown}: {why} "message". (JSON leaves out a key whose value is undefined.)', asked)
    if not isinstance(value["message"], str):
        blame(page, f"{shown}: its message is no text. What was typed is in the input's .value.", asked)
    if value["message"] == "":
        blame(
            page,
            f"{shown}: an empty text.{_read_too_early(page)}",
            "The input's value is read when the person sends it, and emptied after that.",
        )
    if value["message"] != text:
        blame(page, f"{shown}, but what was typed was {text!r}.", asked)


def _read_too_early(page):
    """Say which line of the script, outside of any function, reads a value that is empty then."""
    for line, name in re.findall(
        r"((?:const|let|var)\s+(\w+)\s*=\s*[^;\n]*\.value\b[^;\n]*)", "\n".join(page.sources.values())
    ):
        with contextlib.suppress(Exception):  # no variable of the page itself
            if page.evaluate(f'{name} === ""'):
                return f" `{line}` runs once, as the page loads, and {name} stays empty."
    return ""


def _nothing_heard(page):
    """Say which listener has a name that nothing calls, or what else is sure about why nothing was sent."""
    for element, event in page.listens():
        alike = _closest(event, EVENTS)
        if event not in EVENTS and alike and not _is_event(event):
            on = f" of {element}" if element else ""
            return f' The script listens to "{event}"{on}, and no event is called that. There is "{alike}".'
    for element, name in page.strangers():
        alike = _closest(name.lower(), {f"on{event}" for event in EVENTS})
        if alike:
            on = f" of {element}" if element else ""
            return f" The script sets {name}{on}, which nothing calls. There is {alike}."
    if any(socket["late"] for socket in page.sockets):
        return " It called send() on a socket that was closed."
    return ""


def _is_event(name):
    names = json.loads(Path(__file__).with_name("page").joinpath("names.json").read_text(encoding="utf-8"))
    return f"on{name}" in names["window"] + names["Element"] or name in ("DOMContentLoaded", "focusin", "focusout")


def expect_log(page, messages, asked):
    """Raise Unmet unless the log shows these messages, which have arrived."""
    log = page.text("chat-log") or ""
    as_sent = [json.dumps({"message": message}) for message in messages]
    if all(message in log for message in messages) and not any(each in log for each in as_sent):
        return
    seen = f"After the frames {' and '.join(as_sent)}, the log shows {_short(log, 80)!r}"
    if not log:
        elsewhere = [message for message in messages if message in page.body_text()]
        if elsewhere:
            blame(page, f"{seen}: the messages are elsewhere on the page.", asked)
        blame(page, f"{seen}: nothing.{_deaf(page)}", asked)
    if any(html.unescape(message) in log for message in messages if html.unescape(message) != message):
        blame(
            page,
            f"{seen}: the message was read as markup, so some of its characters are others now.",
            "A textarea's value, or textContent: both take a message for text. innerHTML takes it for markup.",
        )
    if "[object" in log:
        blame(page, f"{seen}: an object in place of its message.", asked)
    if "undefined" in log:
        script = "\n".join(page.sources.values())
        why = 'what it reads is undefined. A frame is JSON, with one key: "message".'
        if re.search(r"\b\w+\.data\.message\b", script):
            why = "the script reads .message from a frame's text, which has none."
        elif found := re.search(r"\b(e|ev|evt|event)\.message\b", script):
            why = f"{found[0]} is undefined. An event has its frame's text in .data."
        blame(page, f"{seen}: {why}", "JSON.parse(event.data).message.")
    if any(each in log for each in as_sent):
        blame(page, f"{seen}: the frames' text, not their messages.", "JSON.parse(event.data).message.")
    if messages[-1] in log:
        blame(
            page, f"{seen}: the last message has replaced those before it.", "+= in place of =, so that the log grows."
        )
    blame(page, f"{seen}.", asked)


def expect_text(page, asked):
    """Raise Unmet if a message that looks like markup becomes an element of the page."""
    page.receive(json.dumps({"message": "<samp>hello</samp>"}))
    if page.evaluate('document.querySelectorAll("samp").length') > 0:
        blame(
            page,
            "Somebody wrote <samp>hello</samp>, and the page made an element of it: what people write can change the "
            "page of everybody in the room, and run scripts there.",
            asked,
        )


def expect_once(page, message, asked):
    """Raise Unmet if a message that this page has sent is shown more than once when it comes back."""
    page.receive(json.dumps({"message": message}))
    shown = (page.text("chat-log") or "").count(message)
    if shown > 1:
        blame(
            page,
            f"{message!r} was sent from this page and came back, and the log shows it {shown} times: the script shows "
            "it by itself, too.",
            asked,
        )


def _deaf(page):
    """Say which of the socket's handlers has a name that no socket calls."""
    for socket in page.sockets:
        for name in socket["own"]:
            alike = _closest(name.lower(), ["onopen", "onmessage", "onclose", "onerror"])
            if name.lower().startswith("on") or alike:
                hint = f" There is {alike}." if alike else ""
                return f" The script sets the socket's {name}, which no socket calls.{hint}"
        for event in socket["listens"]:
            alike = _closest(event.lower(), ["open", "message", "close", "error"])
            if event not in ("open", "message", "close", "error"):
                hint = f' There is "{alike}".' if alike else ""
                return f' The script listens to the socket\'s "{event}": no such event is called.{hint}'
        if "message" not in socket["listens"]:
            return " The script listens to no message of the socket."
    return ""


def _closest(name, names):
    """Return the closest of these names, or None if none is close."""
    names = {each.lower(): each for each in sorted(names) if each != name}
    return next((names[each] for each in difflib.get_close_matches(name.lower(), names, 1, 0.7)), None)


def _short(text, length=110):
    return text if len(text) <= length else text[: length - 1] + "…"
