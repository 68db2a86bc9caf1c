"""
The benchmark and students.py, with rooms so small that their times mean nothing.
"""

import asyncio
import json
import re
import shutil
import signal
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from xml.etree import ElementTree

import bare_daphne
import benchmark
import old_channels
import picture
import psutil
import pytest
import rounds
import servers
import students
import tables
from autobahn.exception import Disconnected
from running import hear, need, say
from waiting import until
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

HERE = Path(__file__).resolve().parent
shares_quick = pytest.mark.xdist_group("benchmark")  # they share a run of half a minute
WITHOUT_4_1 = [name for name in servers.SERVERS if name != servers.OFFICIAL_4_1]  # it would need the network


def run(script, *arguments, **options):
    command = [sys.executable, str(HERE / script), *map(str, arguments)]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", **options)


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """The output of `benchmark.py --quick`, and the file with its raw numbers."""
    need(shutil.which("redis-server"), "Redis", "apt-get install redis-server, or brew install redis.")
    raw = tmp_path_factory.mktemp("benchmark") / "raw.json"
    finished = run("benchmark.py", "--quick", "--json", raw)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout, raw


def read(quick):
    return json.loads(quick[1].read_text(encoding="utf-8"))


def main_with(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["benchmark.py", *map(str, arguments)])
    benchmark.main()


@shares_quick
def test_every_server_delivers_everything_in_order(quick):
    found = read(quick)
    (turns,) = found["rounds"]
    assert list(turns) == WITHOUT_4_1
    assert set(found["burst_only"]) == {servers.STOCK_AS_IT_COMES}
    measured = [(size, room["busy"]) for turn in turns.values() for size, room in turn["rooms"].items()]
    bursts = [turn["burst"] for turn in turns.values()] + list(found["burst_only"].values())
    measured += [(found["plan"]["burst"], burst) for burst in bursts]
    for size, counts in measured:
        assert counts["arrived"] == counts["expected"] == counts["sent"] * int(size) > 0
        assert counts["lost"] == counts["disordered"] == 0
    assert {name for name, turn in turns.items() if "fair" in turn} == {servers.PROJECT, servers.STOCK}


@shares_quick
def test_the_servers_processor_time_is_that_of_the_measurement_alone(quick):
    turns = read(quick)["rounds"][0].values()
    busy = [room["busy"] for turn in turns for room in turn["rooms"].values()]
    for each in busy + [turn["burst"] for turn in turns]:
        # A short one may be 0: the system counts in steps of 10 ms.
        assert 0 <= each["server_seconds"] < 2 * each["seconds"] + 0.1
    # On a busy computer a server gets little of the time that passes, but as much of it as its clients.
    clients_seconds = sum(each["client_cpu"] * each["seconds"] for each in busy)
    assert sum(each["server_seconds"] for each in busy) > 0.5 * clients_seconds > 0


@shares_quick
def test_the_report_has_a_row_for_every_server_and_size(quick):
    shown = quick[0]
    sizes = benchmark.QUICK["sizes"]
    for name in WITHOUT_4_1:
        assert len(re.findall(rf"^\|.*\| (?:\*\*)?{re.escape(name)}(?:\*\*)? \|", shown, re.M)) == len(sizes)
        assert len(re.findall(rf"^\| (?:\*\*)?{re.escape(name)}(?:\*\*)? \|", shown, re.M)) == 2  # burst, memory
        assert f"- **{name}**: " in shown
    for one, other, goal in rounds.GOALS:
        assert f"| processor time each: {one} / {other} | {goal} |" in shown
    for one, other, goal in rounds.BURST_GOALS:
        assert f"| deliveries per second: {one} / {other} | {goal} |" in shown
    assert "nothing was lost" in shown
    assert benchmark.NO_CHANNELS_4_1 in shown


@shares_quick
def test_the_report_says_how_far_the_wall_was_behind(quick):
    found = read(quick)
    assert rounds.behind(found) == found["rounds"][0][servers.WALLED]["behind"] > 0
    assert tables.wall_behind(found) in tables.markdown(found)
    del found["rounds"][0][servers.WALLED]
    assert tables.wall_behind(found) == ""


@shares_quick
def test_write_puts_the_report_and_its_picture_into_two_files(quick, tmp_path, monkeypatch, capsys):
    results = tmp_path / "results.md"
    results.write_text("an old report\n" * 1_000, encoding="utf-8")
    monkeypatch.setattr(benchmark, "RESULTS", results)
    main_with(monkeypatch, "--write", "--again", quick[1])
    assert str(results) in capsys.readouterr().out
    written = results.read_bytes()
    assert written.decode().strip() == quick[0].strip()
    drawn = tmp_path / "results.svg"
    assert f"]({drawn.name})" in written.decode()

    once = drawn.read_bytes()
    main_with(monkeypatch, "--write", "--again", quick[1])
    assert drawn.read_bytes() == once and results.read_bytes() == written
    assert ElementTree.fromstring(once).tag.endswith("svg")


@shares_quick
def test_every_server_is_drawn_in_its_own_colour_or_named_as_not_drawn(quick):
    named = re.search(r"^Not drawn, but in the table: (.*)\.$", quick[0], re.M)[1].split(", ")
    assert sorted([*named, *picture.LOOKS]) == sorted(servers.SERVERS)
    for looks in zip(*picture.LOOKS.values(), strict=True):
        assert len(set(looks)) == len(picture.LOOKS)


@pytest.mark.parametrize("option", ["--write", "--json"])
def test_a_file_that_cannot_be_written_is_reported_before_anything_is_measured(option, tmp_path, monkeypatch):
    missing = tmp_path / "no such folder" / "report"
    monkeypatch.setattr(benchmark, "RESULTS", missing)
    monkeypatch.setattr(benchmark, "measure_all", lambda *plan: pytest.fail("It measures already."))
    with pytest.raises(SystemExit, match=r"report can't be written: FileNotFoundError"):
        main_with(monkeypatch, *(["--write"] if option == "--write" else ["--json", missing]))


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (
            ["--only", "bare daphne, nobody"],
            "there is no server 'nobody'. The servers are: this project, this project with the wall, the official",
        ),
        (["--sizes", "50,0"], "expected numbers of members, such as 50,200,500, but got '50,0'"),
        (["--sizes", "many"], "expected numbers of members, such as 50,200,500, but got 'many'"),
        (["--rounds", "0"], "--rounds is 0, but has to be at least 1."),
        (["--write", "--quick"], "results.md is for all servers, measured at length"),
        (["--write", "--only", "stock"], "results.md is for all servers, measured at length"),
    ],
)
def test_an_option_that_makes_no_sense_is_explained(arguments, problem, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        main_with(monkeypatch, *arguments)
    assert problem in capsys.readouterr().err


def test_only_measures_these_servers_in_these_rooms(tmp_path, monkeypatch):
    raw = tmp_path / "raw.json"
    finished = run("benchmark.py", "--quick", "--only", "the limit, bare daphne", "--sizes", "6,5", "--json", raw)
    assert finished.returncode == 0, finished.stderr
    found = json.loads(raw.read_text(encoding="utf-8"))
    (turns,) = found["rounds"]
    assert list(turns) == [servers.DAPHNE, servers.LIMIT] and found["burst_only"] == {}
    assert all(sorted(turn["rooms"]) == ["5", "6"] for turn in turns.values())
    # Rooms, then bursts, and no other table.
    assert re.findall(r"^\| (\d*) \| (\w.*?) \|", finished.stdout, re.M) == [
        ("5", servers.DAPHNE),
        ("", servers.LIMIT),
        ("6", servers.DAPHNE),
        ("", servers.LIMIT),
    ]
    assert len(re.findall(r"^\| (bare daphne|the limit) \|", finished.stdout, re.M)) == 2
    assert "| ratio |" not in finished.stdout, "neither is compared with the other"

    monkeypatch.setattr(benchmark, "RESULTS", tmp_path / "results.md")
    with pytest.raises(SystemExit, match="raw.json was made with --only, but results.md is for all servers"):
        main_with(monkeypatch, "--write", "--again", raw)
    assert not benchmark.RESULTS.exists()


@pytest.mark.parametrize("text", ["not JSON", "[]", "{}"])
def test_a_file_without_raw_numbers_is_rejected_with_a_sentence(text, tmp_path):
    raw = tmp_path / "raw.json"
    raw.write_text(text, encoding="utf-8")
    with pytest.raises(SystemExit, match="raw.json was not written by --json: "):
        benchmark.read_raw(raw)


@shares_quick
def test_without_redis_its_row_is_left_out_and_the_report_says_so(quick, monkeypatch):
    found = read(quick)
    monkeypatch.setattr(shutil, "which", lambda program: None)
    monkeypatch.setattr(benchmark, "take_turn", lambda *turn: deepcopy(found["rounds"][0][turn[0]]))
    monkeypatch.setattr(benchmark, "BURST_ONLY", {})
    without = benchmark.measure_all(found["plan"], rounds=2)
    shown = tables.markdown(without)
    assert not re.search(rf"^\|.*\b{servers.REDIS} \|", shown, re.M)
    assert benchmark.NO_REDIS in shown
    assert list(without["rounds"][1]) == list(reversed(without["rounds"][0])), "the second round goes backwards"


@shares_quick
def test_a_burst_that_takes_a_minute_is_measured_once_and_others_in_each_round(quick, monkeypatch):
    found, with_burst = read(quick), []

    def take_turn(name, *turn):
        with_burst.append((name, turn[-1]))
        return found["rounds"][0][name]

    monkeypatch.setattr(benchmark, "take_turn", take_turn)
    monkeypatch.setattr(benchmark, "BURST_ONLY", {})
    benchmark.measure_all(found["plan"], rounds=3)
    for name, kind in servers.SERVERS.items():
        if name in WITHOUT_4_1:
            expected = [True, False, False] if kind.slow_burst else [True] * 3
            assert [each for of, each in with_burst if of == name] == expected
    assert not any(servers.SERVERS[name].slow_burst for goal in rounds.BURST_GOALS for name in goal[:2])


@shares_quick
def test_ratios_are_those_of_the_same_round(quick):
    found = read(quick)
    found["rounds"] = [deepcopy(found["rounds"][0]) for _ in range(3)]

    def put(name, what, values, **more):
        for each, value in zip(found["rounds"], values, strict=True):
            counts = each[name]["burst"] if what == "seconds" else each[name]["rooms"]["10"]["busy"]
            counts.update({what: value, **more})

    put(servers.PROJECT, "per_second", (20_000, 30_000, 9_000))
    put(servers.STOCK, "per_second", (2_000, 1_000, 3_000))
    assert "| 10 | **this project** | 20,000 | 10.0 (3.00 to 30.0) |" in tables.markdown(found)

    put(servers.PROJECT, "server_seconds", (1, 2, 3), arrived=100_000)
    put(servers.OFFICIAL, "server_seconds", (4, 4, 30), arrived=100_000)
    put(servers.DAPHNE, "server_seconds", (2, 2, 1.5), arrived=200_000)
    goals = tables.ratio_table(found)
    assert (
        "| processor time each: this project / the official tutorial | at most 0.25 | 0.250 (0.100 to 0.500) |" in goals
    )
    assert "| processor time each: bare daphne / this project | at least 0.85 | 0.500 (0.250 to 1.00) |" in goals
    assert re.search(r"\| 10 \| \*\*this project\*\* \| 20,000 \| [^|]* \| 20\.0 µs \|", tables.markdown(found))

    put(servers.PROJECT, "seconds", (2, 4, 8), arrived=1_000)
    put(servers.DAPHNE, "seconds", (1, 1, 1), arrived=1_000)
    assert "| deliveries per second: this project / bare daphne | at least 0.5 |  |  | 0.250 (0.125 to 0.500) |" in (
        tables.ratio_table(found)
    )

    put(servers.OFFICIAL, "server_seconds", (0, 4, 30))
    assert "the official tutorial | at most 0.25 | too short to tell |" in tables.ratio_table(found)


def test_95_of_100_delays_are_no_longer():
    assert rounds.percentile_95([number % 100 for number in range(7, 107)]) == 94
    assert rounds.percentile_95([0.1] * 19 + [5]) == 0.1
    assert rounds.percentile_95([0.1] * 18 + [5, 5]) == 5
    assert rounds.percentile_95([3]) == 3


def test_an_environment_with_channels_4_1_that_is_there_is_not_made_again(tmp_path, monkeypatch):
    ran = []
    monkeypatch.setattr(old_channels, "run", ran.append)
    folder = tmp_path / "environment"
    python = old_channels.make_environment(folder)
    assert python.is_relative_to(folder) and python in ran[1] and "channels==4.1.0" in ran[1]
    assert old_channels.make_environment(folder) == python
    assert len(ran) == 2
    monkeypatch.setattr(old_channels, "CHANNELS", "4.1.1")
    old_channels.make_environment(folder)
    assert len(ran) == 4 and "channels==4.1.1" in ran[3], "other versions: installed anew"


def test_without_channels_4_1_its_row_is_left_out_and_the_report_says_so(tmp_path, monkeypatch):
    only = [servers.OFFICIAL, servers.OFFICIAL_4_1]
    monkeypatch.setenv("PIP_NO_INDEX", "1")  # like a missing network, but at once
    for _ in range(2):  # a half-made environment doesn't count as made
        kinds, (problem,) = benchmark.choose_servers(only, None, tmp_path / "environment")
        assert list(kinds) == [servers.OFFICIAL]
        assert re.match(r"The row of Channels 4\.1 is missing, .* No matching distribution found for channels", problem)
    assert benchmark.choose_servers(only, None, None)[1] == [benchmark.NO_CHANNELS_4_1]


def test_a_folder_with_anything_else_in_it_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("irreplaceable", encoding="utf-8")
    with pytest.raises(old_channels.NotMade, match="there is something else in .* Choose a new folder"):
        old_channels.make_environment(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_channels_4_1_runs_on_the_python_of_its_environment(tmp_path, monkeypatch):
    monkeypatch.setattr(benchmark, "make_environment", lambda folder: folder / "python")
    kinds, missing = benchmark.choose_servers([servers.OFFICIAL, servers.OFFICIAL_4_1], None, tmp_path)
    assert [str(kind.python) for kind in kinds.values()] == [sys.executable, str(tmp_path / "python")]
    assert missing == []


async def test_the_limit_sends_a_text_frame_to_everyone_on_the_same_path():
    with servers.serve(servers.SERVERS[servers.LIMIT]) as (server, _):
        address = f"ws://127.0.0.1:{server.port}/ws/chat"
        async with (
            connect(f"{address}/a/", proxy=None) as alice,
            connect(f"{address}/a/", proxy=None) as bob,
            connect(f"{address}/b/", proxy=None) as carol,
        ):
            await alice.send(b"bytes")
            await alice.send("from alice")
            assert await alice.recv() == await bob.recv() == "from alice"
            await carol.send("from carol")
            assert await carol.recv() == "from carol", "and nothing from the other path"


@pytest.mark.parametrize("name", [servers.OFFICIAL, servers.DAPHNE, servers.FASTAPI])
async def test_each_server_that_we_compare_with_is_a_chat_too(name):
    with servers.serve(servers.SERVERS[name]) as (server, _):
        address = f"ws://127.0.0.1:{server.port}/ws/chat"
        options = {"proxy": None, "origin": f"http://127.0.0.1:{server.port}"}
        async with (
            connect(f"{address}/a/", **options) as alice,
            connect(f"{address}/a/", **options) as bob,
            connect(f"{address}/b/", **options) as carol,
        ):
            for text in ("one", "two"):
                await say(alice, text)
                assert await hear(alice) == await hear(bob) == {"message": text}
            await say(carol, "from carol")
            assert await hear(carol) == {"message": "from carol"}, "and nothing from the other room"
            await bob.close()
            await say(alice, "alone")
            assert await hear(alice) == {"message": "alone"}


async def test_the_official_tutorial_refuses_pages_from_elsewhere():
    with servers.serve(servers.SERVERS[servers.OFFICIAL]) as (server, _):
        opening = connect(f"ws://127.0.0.1:{server.port}/ws/chat/a/", proxy=None, origin="http://elsewhere.example")
        with pytest.raises(InvalidStatus) as refused:
            async with opening:
                pass
    assert refused.value.response.status_code == 403


class Connection:
    """A connection without daphne. While it is `leaving`, send() raises what daphne's raises at that moment."""

    def __init__(self):
        self.events, self.sent, self.leaving = asyncio.Queue(), asyncio.Queue(), False

    async def send(self, event):
        self.sent.put_nowait(event)
        if self.leaving:
            raise Disconnected("Attempt to send on a closed protocol")


async def test_on_bare_daphne_someone_who_is_leaving_does_not_silence_the_others():
    members = [Connection() for _ in range(3)]
    tasks = [
        asyncio.create_task(bare_daphne.application({"path": "/ws/chat/a/"}, member.events.get, member.send))
        for member in members
    ]
    for member in members:
        member.events.put_nowait({"type": "websocket.connect"})
        assert await asyncio.wait_for(member.sent.get(), 20) == {"type": "websocket.accept"}
    for leaving in members:  # each in turn, since one of them is the first in the loop
        leaving.leaving = True
        members[0].events.put_nowait({"type": "websocket.receive", "text": '{"message": "hello"}'})
        for member in members:
            sent = await asyncio.wait_for(member.sent.get(), 20)
            assert sent == {"type": "websocket.send", "text": '{"message": "hello"}'}
        leaving.leaving = False
    for member in members:
        member.events.put_nowait({"type": "websocket.disconnect", "code": 1001})
    await asyncio.gather(*tasks)
    assert not bare_daphne.rooms["/ws/chat/a/"]


@pytest.mark.parametrize(
    ("copy", "capacity"), [(servers.copy_project_with_stock_layer, 10_000), (servers.copy_stock_as_it_comes, 100)]
)
def test_the_stock_layer_takes_the_place_of_the_projects(copy, capacity, tmp_path):
    copy(tmp_path)
    look = "from channels.layers import get_channel_layer as get; print(type(get()).__module__, get().capacity)"
    command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", look]
    shown = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8", check=True).stdout
    assert shown.split() == ["channels.layers", str(capacity)]


def test_a_server_that_does_not_start_is_reported_with_its_last_lines():
    def break_it(folder):
        servers.copy_project(folder)
        with (folder / "tutorial" / "settings.py").open("a", encoding="utf-8") as settings:
            settings.write('INSTALLED_APPS += ["chatt"]\n')

    with pytest.raises(servers.ServerFailed, match=r"runserver(?s:.)*No module named 'chatt'"):
        with servers.serve(servers.Kind(break_it, servers.runserver, "")):
            pass


@pytest.mark.skipif(sys.platform == "win32", reason="Windows can't send Ctrl+C to one process")
def test_ctrl_c_stops_everything_that_was_started():
    process = subprocess.Popen(
        [sys.executable, str(HERE / "benchmark.py")],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        # A shell's background job ignores Ctrl+C, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    with process:
        started = until(lambda: find_crowd(process), "the crowd is there")
        process.send_signal(signal.SIGINT)
        words = process.communicate(timeout=20)[0]
    assert process.returncode == 1
    assert "Everything was stopped." in words and "Traceback" not in words
    assert not [child for child in started if child.is_running()]


def find_crowd(process):
    """Return the processes that a script has started, or None until a crowd is among them."""
    children = psutil.Process(process.pid).children(recursive=True)
    return children if any("crowd.py" in " ".join(child.cmdline()) for child in children) else None


def test_the_teacher_gets_an_answer_however_few_sockets_the_system_allows():
    options, few = {}, sys.platform != "win32"
    if few:
        import resource

        options["preexec_fn"] = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (60, 60))
    finished = run("students.py", "--most", 20, "--seconds", 0.5, **options)
    assert finished.returncode == 0, finished.stderr
    assert "Everyone says something every 10 s on average" in finished.stdout
    assert re.search(r"^This computer (holds .* in one room|is too slow)", finished.stdout, re.M), finished.stdout
    assert ("may open 60 files here, so no more than 10 students are tried" in finished.stdout) == few


@pytest.mark.parametrize("real", [0, 1, 7, 24, 25, 26, 99, 430, 1599, 1600, 5000])
def test_the_search_finds_the_largest_class_to_a_tenth(real):
    tried = []

    def holds(size):
        tried.append(size)
        return size <= real

    held = students.search(holds, 1600)
    assert held <= real and (held == 1600 or real - held <= max(1, held / 10))
    assert len(tried) == len(set(tried)) <= 12


def test_a_message_that_never_arrives_is_late():
    step = students.Step(50, [0.01] * 94 + [float("inf")] * 6)
    assert not step.holds
    assert students.Step(50, [0.01] * 95 + [float("inf")] * 5).holds
    assert "never  too late" in students.show_steps([step])
    assert "too slow, or too busy" in students.answer(0, 1600, [step])
