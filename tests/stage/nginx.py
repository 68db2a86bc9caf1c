"""
nginx's configuration of the project, deploy/chat.conf, as nginx reads it: what it does with a request.

It knows the part of nginx that such a file needs. For anything else the test is skipped: only nginx itself can tell.
"""

import fnmatch
import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest

from stage.code import closest
from stage.expectations import Unmet, expect

CONF = "deploy/chat.conf"
VISITOR = "203.0.113.7"  # the address from which the tests' visitor comes

# What nginx sends to a server unless proxy_set_header says otherwise. An empty value: the header is left out.
DEFAULT_HEADERS = {
    "host": "$proxy_host",
    "connection": "close",
    "upgrade": "",
    "te": "",
    "keep-alive": "",
    "expect": "",
    "transfer-encoding": "",
}
# Variables that a configuration may use, but whose value no test asks for, and the beginnings of their names.
OTHER_VARIABLES = (
    "binary_remote_addr body_bytes_sent connection connection_requests content_length content_type document_root "
    "hostname limit_rate msec nginx_version pid pipe proxy_protocol_addr realpath_root remote_port remote_user request "
    "request_body request_completion request_filename request_id request_length request_time server_addr "
    "server_protocol status time_iso8601 time_local uid_got uid_set"
).split()
OTHER_BEGINNINGS = ("arg_", "cookie_", "sent_", "ssl_", "upstream_", "geoip_", "jwt_")
# Directives that stand at the beginning of a line: as an argument, such a word says that a semicolon is missing.
NAMES = (
    "alias error_page internal ip_hash keepalive least_conn listen location map proxy_http_version proxy_pass "
    "proxy_read_timeout proxy_send_timeout proxy_set_header return root server server_name ssl_certificate "
    "ssl_certificate_key upstream add_header try_files"
).split()
# Other directives of nginx that are spelt nearly like one of these.
ALIKE = (
    "grpc_read_timeout grpc_send_timeout grpc_ssl_certificate grpc_ssl_certificate_key gzip_http_version "
    "proxy_hide_header proxy_pass_header proxy_ssl_certificate proxy_ssl_certificate_key ssl_certificate_cache "
    "ssl_client_certificate uwsgi_ssl_certificate uwsgi_ssl_certificate_key"
).split()
IGNORED = ("log_format", "types")  # blocks and directives whose arguments are anything at all
TABLES = ("map", "geo", "types", "split_clients", "charset_map")  # blocks that hold no directives
ALONE = ("internal", "ip_hash", "least_conn", "server")  # what may stand without an argument
UNITS = {"": 1, "ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "M": 2592000, "y": 31536000}


@dataclass
class Directive:
    """One directive, such as `listen 80;`. `block` is a list of directives if it has braces, and None otherwise."""

    name: str
    arguments: list
    line: int
    block: list | None = None

    def __str__(self):
        return " ".join([self.name, *self.arguments])


@dataclass
class Answer:
    """What nginx answers by itself. `file` is the path of the file that it sends, if it sends one."""

    status: int
    location: str | None = None
    file: str | None = None
    headers: dict = field(default_factory=dict)

    def __str__(self):
        if self.location is None and self.status in (200, 404):
            return "nginx looks for a file of its own"
        return f"nginx answers {self.status}" + (f" and leads to {self.location}" if self.location else "")


@dataclass
class Passed:
    """What nginx passes on: to which servers, the path, and the headers, by their names in lower case."""

    servers: list
    balance: list  # the names, and the arguments, of what the upstream says besides its servers
    path: str
    headers: dict
    silence: float  # seconds after which it gives up on a server that says nothing
    inherits: dict  # of each header that a block around sets in vain: a sentence that says why it is left out

    def why_without(self, header):
        """Return a sentence, after a space, if a header is set in a block around in vain. Otherwise, return ""."""
        return f" {self.inherits[header]}" if header in self.inherits else ""


class Nginx:
    """nginx with the project's configuration. Raises Unmet if there is none, or nginx would not start with it."""

    def __init__(self, project):
        path = project / CONF
        expect(
            path.is_file(),
            seen=f"There is no {CONF}.",
            asked="The stage's cell writes it: nginx's configuration for the chat.",
            file=CONF,
        )
        self.directives = parse(path.read_text(encoding="utf-8"))
        _expect_known(self.directives)
        self.maps = {each.arguments[1].lstrip("$"): each for each in self._all("map") if len(each.arguments) == 2}
        for each in self._all("include"):
            pytest.skip(f"Your {CONF} has {each}. Only nginx itself knows what that file says.")

    def ask(self, address, down=False, **headers):
        """
        Return what nginx does with a GET request for this address: an Answer, or a Passed.

        The names of headers are written with _ in place of -. `down`: no server answers.
        """
        url = urlsplit(address)
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        request = _Request(self, url, {"host": url.netloc, **headers}, down)
        return request.answer()

    def upstream(self, name):
        """Return the block upstream of this name, or None."""
        return next((each for each in self._all("upstream") if each.arguments == [name]), None)

    def servers(self, port):
        """Return the blocks server that listen on a port. Raises Unmet if there are none."""
        found = [
            each for each in self._all("server") if any(_port(one) == port for one in _named(each.block, "listen"))
        ]
        asked = f"A block server {{ listen {port}; … }}."
        expect(found, seen=f"No block server listens on port {port}.", asked=asked, file=CONF)
        return found

    def _all(self, name):
        return [each for each in _named(self.directives, name) if each.block is not None or name == "include"]


class _Request:
    """A request on its way through the configuration."""

    def __init__(self, nginx, url, headers, down):
        self.nginx, self.url, self.headers, self.down = nginx, url, headers, down
        self.path, self.is_error = url.path, False
        self.blocks = ["file", "block server"]  # and each location, from the outermost to the innermost
        port = url.port or {"http": 80, "https": 443}[url.scheme]
        host = url.hostname
        servers = nginx.servers(port)
        listens = [(server, one) for server in servers for one in _named(server.block, "listen") if _port(one) == port]
        default = next((server for server, one in listens if "default_server" in one.arguments), servers[0])
        by_name = [server for server in servers if any(fnmatch.fnmatch(host, name) for name in _names(server))]
        self.server = by_name[0] if by_name else default
        with_tls = any("ssl" in one.arguments for server, one in listens if server is self.server)
        expect(
            with_tls == (url.scheme == "https"),
            seen=f"On port {port}, nginx {'speaks' if with_tls else 'does not speak'} HTTPS.",
            asked="listen 80; and listen 443 ssl; in a block server of its own each.",
            file=CONF,
        )
        names = _names(self.server)
        self.variables = {
            "host": host,
            "hostname": host,
            "scheme": url.scheme,
            "https": "on" if url.scheme == "https" else "",
            "remote_addr": VISITOR,
            "realip_remote_addr": VISITOR,
            "server_port": str(port),
            "server_name": names[0] if names else "",
            "request_method": "GET",
            "request_uri": url.path + (f"?{url.query}" if url.query else ""),
            "args": url.query,
            "query_string": url.query,
            "is_args": "?" if url.query else "",
            "proxy_add_x_forwarded_for": ", ".join(filter(None, [headers.get("x-forwarded-for"), VISITOR])),
        }

    def answer(self):
        """Return what nginx does with it."""
        return self._answer_in([self.nginx.directives, self.server.block])

    def _answer_in(self, levels):
        """Return the answer of the innermost of these levels, each a list of directives, or of a location in it."""
        returned = self._return(levels[-1])
        if returned:
            return returned
        location = self._location(levels[-1])
        if location:
            self.prefix = location.arguments[-1]
            self.blocks.append(str(location))
            return self._answer_in([*levels, location.block])
        if target := _last(levels[-1:], "proxy_pass"):
            return self._pass(target, levels)
        if (tried := _last(levels[-1:], "try_files")) is not None:
            pytest.skip(f"Your {CONF} has {tried}. Only nginx itself knows which files there are.")
        return self._file(levels)

    def _return(self, block):
        """Return what `return`, `rewrite` and `if` among these directives answer, or None."""
        for each in block:
            if each.name == "if":
                if self._is_true(each) and (found := self._return(each.block)):
                    return found
            elif each.name == "return":
                status, location = each.arguments[0], each.arguments[1:]
                if not status.isdecimal():
                    status, location = "302", [status]
                target = self.value(location[0], each) if location else None
                return Answer(int(status), target if int(status) in (301, 302, 303, 307, 308) else None)
            elif each.name == "rewrite":
                pattern, target, *flag = each.arguments
                if not re.search(pattern, self.path):
                    continue
                if flag not in (["permanent"], ["redirect"]):
                    pytest.skip(f"Your {CONF} has {each}. Only nginx itself knows where that leads.")
                groups = re.search(pattern, self.path).groups()
                target = re.sub(r"\$(\d)", lambda found, groups=groups: groups[int(found[1]) - 1], target)
                target = self.value(target, each)
                query = "" if target.endswith("?") or not self.url.query else f"?{self.url.query}"
                return Answer(301 if flag == ["permanent"] else 302, target.removesuffix("?") + query)
        return None

    def _is_true(self, condition):
        words = " ".join(condition.arguments).removeprefix("(").removesuffix(")").split()
        value = self.value(words[0], condition)
        if len(words) == 1:
            return value not in ("", "0")
        operator, other = words[1], words[-1].strip("\"'")
        tests = {
            "=": lambda: value == other,
            "!=": lambda: value != other,
            "~": lambda: re.search(other, value),
            "~*": lambda: re.search(other, value, re.IGNORECASE),
        }
        if operator not in tests:
            pytest.skip(f"Your {CONF} has {condition}. Only nginx itself knows whether that is so.")
        return tests[operator]()

    def _location(self, block):
        """Return the location of this block that takes the path, or None: as nginx chooses it."""
        locations = [each for each in _named(block, "location") if not each.arguments[-1].startswith("@")]
        best = None
        for each in locations:
            kind = each.arguments[0] if len(each.arguments) == 2 else ""
            prefix = each.arguments[-1]
            if kind == "=" and prefix == self.path:
                return each
            fits = kind in ("", "^~") and self.path.startswith(prefix)
            if fits and (best is None or len(prefix) > len(best.arguments[-1])):
                best = each
        if best is None or best.arguments[0] != "^~":
            for each in locations:
                if each.arguments[0] in ("~", "~*"):
                    flags = re.IGNORECASE if each.arguments[0] == "~*" else 0
                    if re.search(each.arguments[-1], self.path, flags):
                        return each
        return best

    def _pass(self, directive, levels):
        if self.down:
            return self._error(502, levels)
        target = self.value(directive.arguments[0], directive)
        scheme, _, rest = target.partition("://")
        name, slash, uri = rest.partition("/")
        upstream = self.nginx.upstream(name)
        one_server = Directive("server", [name], directive.line)
        servers = _named(upstream.block, "server") if upstream else [one_server]
        expect(
            scheme == "http" and servers,
            seen=f"proxy_pass leads to {target}"
            + (", a block upstream without a server: nginx doesn't start." if not servers else "."),
            asked="proxy_pass http://chat; and in the block upstream chat a line with the address of each server.",
            file=CONF,
        )
        others = [each for each in upstream.block if each.name != "server"] if upstream else []
        balance = [word for each in others for word in (each.name, *each.arguments)]
        path = f"/{uri}{self.path[len(self.prefix) :]}" if slash else self.path
        given, inherits = [], {}  # a block with one such line inherits none
        for block, level in zip(reversed(self.blocks), reversed(levels), strict=True):
            found = _named(level, "proxy_set_header")
            if not given:
                given = found
                reason = f"The {block} has a proxy_set_header of its own, so it inherits none from around it."
            else:
                inherits |= {each.arguments[0].lower(): reason for each in found}
        templates = dict(DEFAULT_HEADERS)
        for each in given:
            templates[each.arguments[0].lower()] = each.arguments[1]
            inherits.pop(each.arguments[0].lower(), None)
        self.variables["proxy_host"] = name
        own = {header: self.value(template, None) for header, template in templates.items()}
        headers = {name: value for name, value in self.headers.items() if name not in own}
        headers |= {name: value for name, value in own.items() if value}
        silence = _last(levels, "proxy_read_timeout")
        patience = seconds(silence.arguments[0]) if silence else 60
        return Passed(servers, balance, path, headers, patience, inherits)

    def _error(self, status, levels):
        """Return nginx's page for an error of its own, or the one that error_page says."""
        pages = next((found for level in reversed(levels) if (found := _named(level, "error_page"))), [])
        for each in pages:
            *codes, target = each.arguments
            if str(status) not in codes or self.is_error:  # for an error page's own error there is no page
                continue
            changed = next((code for code in codes if code.startswith("=")), None)
            if target.startswith(("@", "http")) or changed == "=":
                pytest.skip(f"Your {CONF} has {each}. Only nginx itself knows what that answers.")
            self.path, self.is_error, self.blocks = target, True, self.blocks[:2]
            page = self._answer_in([self.nginx.directives, self.server.block])
            if isinstance(page, Answer) and page.status == 200:
                page.status = int(changed[1:]) if changed else status
            return page
        return Answer(status)

    def _file(self, levels):
        """Return the file that `alias` or `root` say."""
        alias, root = _last(levels[-1:], "alias"), _last(levels, "root")
        file = None
        if alias:
            file = self.value(alias.arguments[0], alias) + self.path[len(self.prefix) :]
        elif root:
            file = self.value(root.arguments[0], root).rstrip("/") + self.path
        added = next((found for level in reversed(levels) if (found := _named(level, "add_header"))), [])
        headers = {
            each.arguments[0].lower(): self.value(each.arguments[1], each)
            for each in added
            if "always" in each.arguments[2:] or not self.down
        }
        return Answer(200 if file else 404, file=file, headers=headers)

    def value(self, text, directive):
        """Return a text with the values of its variables. Raises Unmet if there is no such variable."""
        return re.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda found: self._variable(found[1] or found[2]), text)

    def _variable(self, name):
        if name in self.nginx.maps:
            return self._mapped(self.nginx.maps[name])
        if name == "uri":
            return self.path
        if name.startswith("http_"):
            return self.headers.get(name.removeprefix("http_").replace("_", "-"), "")
        known = [*self.variables, "uri", "proxy_host", "proxy_port", *self.nginx.maps]
        if name in OTHER_VARIABLES or name.startswith(OTHER_BEGINNINGS):
            return f"({name})"
        alike = closest(name, [*known, "http_host", "http_upgrade", "http_x_forwarded_proto"])
        expect(
            name in self.variables,
            seen=f"nginx has no variable ${name}, and doesn't start." + (f" There is ${alike}." if alike else ""),
            asked="A variable of nginx, or one that a map makes.",
            file=CONF,
        )
        return self.variables[name]

    def _mapped(self, directive):
        source = self.value(directive.arguments[0], directive)
        default = ""
        for each in directive.block:
            result = self.value(each.arguments[0], each) if each.arguments else ""
            pattern = each.name
            if pattern == "default":
                default = result
            elif pattern.startswith("~"):
                flags = re.IGNORECASE if pattern.startswith("~*") else 0
                if re.search(pattern.lstrip("~*"), source, flags):
                    return result
            elif pattern.lower() == source.lower():
                return result
        return default


# Reading the file

TOKEN = re.compile(
    r"""(?P<space>\s+|\#[^\n]*)|(?P<mark>[{};])|"(?P<double>(?:\\.|[^"\\])*)"|'(?P<single>(?:\\.|[^'\\])*)'"""
    r"""|(?P<word>(?:\$\{\w+\}|\\.|[^\s;{}])+)""",
    re.DOTALL,
)


def parse(text):
    """Return the directives of a configuration. Raises Unmet if nginx could not read it."""
    stack, words = [[]], []
    for found in TOKEN.finditer(text):
        kind, token = found.lastgroup, found[found.lastgroup]
        line = text.count("\n", 0, found.start()) + 1
        if kind == "space":
            continue
        if kind != "mark":
            words.append((token, line))
        elif token == "}":
            _expect_complete(words, "}")
            expect(len(stack) > 1, seen=f"Line {line} has a }} too many.", asked="A } for each {.", file=CONF)
            stack.pop()
        elif words:
            directive = _directive(words)
            stack[-1].append(directive)
            words = []
            if token == "{":
                directive.block = []
                stack.append(directive.block)
    _expect_complete(words, "the end of the file")
    expect(len(stack) == 1, seen="A { in the file has no }.", asked="A } for each {.", file=CONF)
    return stack[0]


def _directive(words):
    (name, line), *rest = words
    # Words on a line below, which are a directive of their own if the semicolon is missing.
    for word, below in rest:
        missing = below > line and word in NAMES and name not in IGNORED
        expect(
            not missing,
            seen=f"Line {line} has no semicolon at its end, so nginx takes what follows, “{word}”, for a part of it.",
            asked="A semicolon ends each directive.",
            file=CONF,
        )
    return Directive(name, [word for word, _ in rest], line)


def _expect_known(directives):
    """Raise Unmet for a directive whose name is nearly one of nginx's, or that is written as in another language."""
    for each in directives:
        alike = closest(each.name, NAMES, cutoff=0.8)
        expect(
            each.name in (*NAMES, *ALIKE) or not alike,
            seen=f"Line {each.line} begins with “{each.name}”: nginx has no such directive, and doesn't start. "
            f"There is {alike}.",
            asked=f"{alike}, as nginx spells it.",
            file=CONF,
        )
        if each.name in NAMES:
            _expect_arguments(each)
        if each.block and each.name not in TABLES:
            _expect_known(each.block)


def _expect_arguments(directive):
    name, arguments, line = directive.name, directive.arguments, directive.line
    expect(
        arguments or name in ALONE,
        seen=f"Line {line} is: {name}; with nothing behind it, and nginx doesn't start.",
        asked=f"Between {name} and its semicolon stands a value, or several.",
        file=CONF,
    )
    option = name == "server" and next((each for each in arguments if each.startswith("=") or each.endswith("=")), None)
    expect(
        not option,
        seen=f"Line {line} is: {directive}; where for nginx each space begins another option, so it doesn't start.",
        asked="An option of a server has no spaces in it: max_fails=0.",
        file=CONF,
    )
    assigned = name not in ("error_page", "location") and arguments[:1] == ["="]
    expect(
        not assigned,
        seen=f"Line {line} is: {directive}; where nginx takes the = for a value.",
        asked=f"{name}, a space, and its value.",
        file=CONF,
    )
    if name == "proxy_set_header":
        header = arguments[0].rstrip(":")
        expect(
            arguments[0] == header,
            seen=f"Line {line} is: {directive}; where the colon is a part of the header's name: this sets no {header}.",
            asked=f"proxy_set_header {header}, without a colon, and its value.",
            file=CONF,
        )
        expect(
            len(arguments) == 2,
            seen=f"Line {line} is: {directive}; which has {len(arguments)} arguments, and nginx doesn't start.",
            asked="proxy_set_header takes two: a header's name and its value.",
            file=CONF,
        )


def _expect_complete(words, end):
    if words:
        directive = " ".join(word for word, _ in words)
        seen = f"Line {words[0][1]}, “{directive}”, has no semicolon before {end}."
        raise Unmet(seen, "A semicolon ends each directive.", CONF)


def _named(block, name):
    return [each for each in block if each.name == name]


def _last(levels, name):
    """Return the directive of this name that holds in the innermost of these levels, or None."""
    return next((found[-1] for level in reversed(levels) if (found := _named(level, name))), None)


def _names(server):
    return [name for each in _named(server.block, "server_name") for name in each.arguments]


def _port(listen):
    """Return the port of a directive listen, or None if it has none."""
    port = listen.arguments[0].rpartition(":")[2]
    return int(port) if port.isdecimal() else 80


def seconds(text):
    """Return how long a time such as 60s or 1h30m is."""
    parts = re.findall(r"(\d+)(ms|[smhdwMy]?)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text.replace(" ", ""):
        raise Unmet(f"“{text}” is no time for nginx.", "A number and its unit: 60s.", CONF)
    return sum(int(number) * UNITS[unit] for number, unit in parts)
