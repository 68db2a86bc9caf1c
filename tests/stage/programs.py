"""Real programs in front of, and in place of, a project's servers: nginx with its deploy/chat.conf, and daphne."""

import asyncio
import contextlib
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys

from stage.expectations import Unmet, expect, leave_out
from stage.nginx import CONF
from stage.systemd import SRV, UNIT

HOST = "chat.example"
PATIENCE = 10  # seconds for a program to start, or to answer
SERVERS = (8001, 8002)  # their ports in the project's files
# Where programs also are, although a user's PATH may not say so. A PATH without the system's own folder hides them all.
SYSTEM = "/usr/bin"
BESIDE_IT = ["/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/opt/homebrew/bin"]
GET_NGINX = (
    "nginx is not installed, so this test can't try your deploy/chat.conf: `sudo apt install nginx` (Debian, Ubuntu) "
    "or `brew install nginx` (macOS) installs it, and on Windows it runs in WSL."
)

# What stands around the chat's configuration on a server, in /etc/nginx/nginx.conf.
AROUND = """{user}daemon off;
pid nginx.pid;
error_log stderr notice;
events {{}}
http {{
    types {{ text/html html; text/css css; }}
    access_log off;
    client_body_temp_path temporary;
    proxy_temp_path temporary;
    fastcgi_temp_path temporary;
    uwsgi_temp_path temporary;
    scgi_temp_path temporary;
    include chat.conf;
}}
"""


def find_program(name):
    """Return the path of a program, or None if it isn't installed."""
    folders = os.environ.get("PATH", "").split(os.pathsep)
    if SYSTEM in folders:
        folders += BESIDE_IT
    return shutil.which(name, path=os.pathsep.join(folders))


def find_nginx():
    """Return nginx's path. Where it isn't installed, the test is skipped: in CI, it fails."""
    path = find_program("nginx") if sys.platform != "win32" else None
    if path is None:
        leave_out(GET_NGINX)
    return path


class BehindNginx:
    """A server behind nginx: it answers as the chat's servers do, and notes each request that arrives."""

    def __init__(self):
        self.requests = []  # each a (first line, {header: value})
        self.port = 0  # any
        self.status = 200  # of a page

    async def start(self):
        """Listen on a port of its own, the same one each time."""
        self.listener = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self.listener.sockets[0].getsockname()[1]

    async def stop(self):
        """Listen no more."""
        self.listener.close()

    async def _serve(self, reader, writer):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            first, headers = _head(await reader.readuntil(b"\r\n\r\n"))
            self.requests.append((first, headers))
            if "upgrade" in headers:
                writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
                while data := await reader.read(100):
                    writer.write(data)
            else:
                head = f"HTTP/1.1 {self.status} As told\r\nContent-Length: 4\r\nConnection: close\r\n\r\n"
                writer.write(head.encode() + b"page")
        writer.close()


class Response:
    """What came back for a request, over a connection that stays open until close()."""

    def __init__(self, first, headers, body, reader, writer):
        self.status, self.headers, self.body = int(first.split()[1]), headers, body
        self.reader, self.writer = reader, writer

    async def echo(self, data):
        """Send this over the open connection, and return what comes back."""
        self.writer.write(data)
        return await asyncio.wait_for(self.reader.readexactly(len(data)), PATIENCE)

    def close(self):
        self.writer.close()


class RealNginx:
    """nginx itself with a project's deploy/chat.conf, in front of two servers that note what arrives."""

    def __init__(self, project, folder):
        self.project, self.folder = project, folder
        self.servers = [BehindNginx() for _ in SERVERS]
        self.process = None

    async def __aenter__(self):
        import trustme  # here, since it takes long to import

        path = find_nginx()
        for server in self.servers:
            await server.start()
        authority = trustme.CA()
        certificate = authority.issue_cert(HOST)
        self.tls = ssl.create_default_context()
        authority.configure_trust(self.tls)
        chat = self.folder / "chat"
        shutil.copytree(self.project / "deploy", chat / "deploy")
        (chat / "static").mkdir()
        (chat / "static" / "hello.css").write_text("static", encoding="utf-8")
        certificate.private_key_pem.write_to_path(chat / "deploy" / "key.pem")
        certificate.cert_chain_pems[0].write_to_path(chat / "deploy" / "certificate.pem")
        self.ports = {80: free_port(), 443: free_port()}
        user = "user root;\n" if os.geteuid() == 0 else ""
        (self.folder / "nginx.conf").write_text(AROUND.format(user=user), encoding="utf-8")
        (self.folder / "chat.conf").write_text(self._localized(), encoding="utf-8")
        arguments = ["-p", str(self.folder), "-e", "stderr", "-c", str(self.folder / "nginx.conf")]
        self.process = await asyncio.create_subprocess_exec(path, *arguments, stderr=asyncio.subprocess.PIPE)
        said = ""
        while "start worker process" not in said:
            line = await asyncio.wait_for(self.process.stderr.readline(), PATIENCE)
            said += line.decode("utf-8", "replace")
            if not line:
                await self.__aexit__()
                raise self._refused(said)
        return self

    async def __aexit__(self, *error):
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.terminate()
            await self.process.communicate()
        for server in self.servers:
            await server.stop()

    async def get(self, path, *headers, port=443):
        """Return the Response to a GET request, with these lines in its head."""
        tls = {"ssl": self.tls, "server_hostname": HOST} if port == 443 else {}
        reader, writer = await asyncio.open_connection("127.0.0.1", self.ports[port], **tls)
        writer.write("\r\n".join([f"GET {path} HTTP/1.1", f"Host: {HOST}", *headers, "", ""]).encode())
        first, answered = _head(await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE))
        body = await asyncio.wait_for(reader.readexactly(int(answered.get("content-length", 0))), PATIENCE)
        return Response(first, answered, body, reader, writer)

    async def open_socket(self, *headers):
        """Return the Response to a handshake, with these lines in its head."""
        return await self.get("/ws/chat/lobby/", "Upgrade: websocket", "Connection: Upgrade", *headers)

    def _localized(self):
        text = (self.project / CONF).read_text(encoding="utf-8").replace(SRV, str(self.folder / "chat"))
        for port, server in zip(SERVERS, self.servers, strict=True):
            text = text.replace(f":{port}", f":{server.port}")
        text = re.sub(r"\blisten\s+\[::\]:[^;]+;", "", text)  # here, IPv4 is enough
        for port, ours in self.ports.items():
            text = re.sub(rf"(\blisten\s+)(?:\S+:)?{port}\b", rf"\g<1>127.0.0.1:{ours}", text)
        return text

    def _refused(self, said):
        """Return the Unmet for a configuration with which nginx doesn't start."""
        emergency = next((line for line in said.splitlines() if "[emerg]" in line), said.strip())
        words = re.sub(r"^.*\[emerg\] (?:\d+#\d+: )?", "", emergency).replace(f"{self.folder}/", "")
        words = words.replace("chat/deploy/", "deploy/").replace(" in chat.conf:", f" in {CONF}:")
        for port, server in zip(SERVERS, self.servers, strict=True):
            words = words.replace(f":{server.port}", f":{port}")
        return Unmet(f"nginx doesn't start. It says: {words}", "A configuration that nginx understands.", CONF)


# The project's application, with an address of our own that shows what daphne has made of a request.
PROBE = """
import json

from tutorial.asgi import application as chat


async def application(scope, receive, send):
    if scope["path"] != "/what-daphne-sees":
        return await chat(scope, receive, send)
    seen = json.dumps([scope["client"][0], scope["scheme"]]).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(seen))]})
    await send({"type": "http.response.body", "body": seen})
"""


class RealDaphne:
    """daphne, as the project's unit starts it on this port. Raises Unmet if it doesn't start."""

    def __init__(self, unit, environment, folder):
        import psutil

        command = unit.command()
        self.port = int(unit.instance)
        expect(
            any(unit.instance in argument for argument in command),
            seen=f"For chat@{self.port}, daphne gets {' '.join(command[6:]) or 'no options'}: the port isn't there.",
            asked="--port %i, so that chat@8001 and chat@8002 are two servers.",
            file=UNIT,
        )
        application = "tutorial.asgi:application"
        expect(
            application in command,
            seen=f"daphne gets {' '.join(command[6:])}: the project's application isn't there.",
            asked=f"{application} is the last of daphne's arguments.",
            file=UNIT,
        )
        (folder / "probe_of_stage_15.py").write_text(PROBE, encoding="utf-8")
        command[command.index(application)] = "probe_of_stage_15:application"
        where = unit.get("WorkingDirectory")
        inside = where == SRV
        theirs = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
        self.output = folder / "daphne.log"
        with self.output.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                cwd=unit.project if inside else folder,
                env={**theirs, **environment, "PYTHONPATH": str(folder)},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            self._wait()
            family = [psutil.Process(self.process.pid)]
            family += family[0].children(recursive=True)  # on Windows, a venv's Python starts the real one
            listening = [each for one in family for each in one.net_connections("inet") if each.status == "LISTEN"]
            self.listens_on = sorted({each.laddr.ip for each in listening})
        except BaseException:
            self.stop()
            raise

    def _wait(self):
        """Return once it answers."""
        last = "nothing"
        while self.process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), PATIENCE):
                return
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(0.02)
        last = (self.output.read_text(encoding="utf-8", errors="replace").strip().splitlines() or [last])[-1]
        raise Unmet(
            f"daphne, started as the unit says, ended at once. Its last words: {last}",
            f"WorkingDirectory={SRV}, and ExecStart with options that daphne knows.",
            UNIT,
        )

    def ask(self, headers):
        """Return (the visitor's address, "http" or "https") of a request with these headers, as daphne sees it."""
        from http.client import HTTPConnection

        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.request("GET", "/what-daphne-sees", headers=headers)
        seen = json.loads(connection.getresponse().read())
        connection.close()
        return tuple(seen)

    def stop(self):
        """End it."""
        self.process.kill()
        self.process.wait()


def free_port():
    """Return a port on which nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def _head(data):
    """Return (first line, {header in lower case: value}) of a request or a response."""
    first, *lines = data.decode("latin1").strip().split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return first, {name.strip().lower(): value.strip() for name, _, value in pairs}
