"""
The benchmark and the teacher's question, on rooms so small that no time they measure means anything.
"""

import json
import re
import shutil
import signal
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from xml.etree import ElementTree

import benchmark
import psutil
import pytest
import servers
import students
import tables
from running import need, until
from websockets.asyncio.client import connect

HERE = Path(__file__).resolve().parent
REDIS_ROW = "this consumer on channels_redis"


def run(script, *arguments, **options):
    command = [sys.executable, str(HERE / script), *map(str, arguments)]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", **options)


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """What `benchmark.py --quick` prints, and the raw numbers that it keeps."""
    need(shutil.which("redis-server"), "Redis", "apt-get install redis-server, or brew install redis.")
    raw = tmp_path_factory.mktemp("benchmark") / "raw.json"
    finished = run("benchmark.py", "--quick", "--json", raw)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout, raw


def test_every_server_delivers_everything_in_order(quick):
    found = json.loads(quick[1].read_text(encoding="utf-8"))
    (turns,) = found["rounds"]
    assert set(turns) == set(servers.SERVERS)
    assert set(found["burst"]) == {*servers.SERVERS, servers.STOCK_AS_IT_COMES}
    measured = [(size, room["busy"]) for turn in turns.values() for size, room in turn["rooms"].items()]
    measured += [(found["plan"]["burst"], burst) for burst in found["burst"].values()]
    for size, counts in measured:
        assert counts["arrived"] == counts["expected"] == counts["sent"] * int(size) > 0
        assert counts["lost"] == counts["disordered"] == 0
    assert {name for name, turn in turns.items() if "fair" in turn} == {servers.PROJECT, servers.STOCK}


def test_the_report_has_a_row_for_every_server_and_size(quick):
    shown = quick[0]
    sizes = benchmark.QUICK["sizes"]
    for name in servers.SERVERS:
        assert len(re.findall(rf"^\|.*\| (?:\*\*)?{re.escape(name)}(?:\*\*)? \|", shown, re.M)) == len(sizes)
        assert len(re.findall(rf"^\| (?:\*\*)?{re.escape(name)}(?:\*\*)? \|", shown, re.M)) == 1
        assert f"- **{name}**: " in shown
    assert "nothing was lost" in shown


def test_write_replaces_what_is_between_the_markers_and_nothing_else(quick, tmp_path, monkeypatch, capsys):
    before, after = "# A title ✓\r\n\n<!-- benchmark -->", "<!-- /benchmark -->\n\nThe end, without a line break"
    readme = tmp_path / "README.md"
    readme.write_bytes(f"{before}\nan old report\n{after}".encode())
    monkeypatch.setattr(benchmark, "README", readme)
    monkeypatch.setattr(benchmark, "REPOSITORY", tmp_path)
    monkeypatch.setattr(sys, "argv", ["benchmark.py", "--write", "--again", str(quick[1])])
    benchmark.main()
    written = readme.read_bytes().decode()
    assert written == f"{before}\n{quick[0].strip()}\n{after}"
    assert benchmark.README.name in capsys.readouterr().out

    picture = tmp_path / tables.PICTURE
    once = picture.read_bytes()
    benchmark.main()
    assert picture.read_bytes() == once and readme.read_bytes().decode() == written
    assert ElementTree.fromstring(once).tag.endswith("svg")


@pytest.mark.parametrize("text", ["", "<!-- benchmark -->", "<!-- /benchmark --> <!-- benchmark -->"])
def test_without_markers_write_says_so_before_it_measures(text, tmp_path, monkeypatch):
    monkeypatch.setattr(benchmark, "README", tmp_path / "README.md")
    benchmark.README.write_text(text, encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["benchmark.py", "--write"])
    with pytest.raises(SystemExit, match="README.md has no place for the report. Put the lines"):
        benchmark.main()
    assert benchmark.README.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("text", ["not JSON", "[]", "{}"])
def test_raw_numbers_that_are_none_are_a_sentence(text, tmp_path):
    raw = tmp_path / "raw.json"
    raw.write_text(text, encoding="utf-8")
    with pytest.raises(SystemExit, match="raw.json is no file that --json has written: "):
        benchmark.read_raw(raw)


def test_without_redis_its_row_is_left_out_and_the_report_says_so(quick, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda program: None)
    monkeypatch.setattr(benchmark, "take_turn", lambda *turn, **options: deepcopy(turns[turn[0]]))
    monkeypatch.setattr(benchmark, "BURST_ONLY", {})
    found = json.loads(quick[1].read_text(encoding="utf-8"))
    turns = {name: {**turn, "burst": found["burst"][name]} for name, turn in found["rounds"][0].items()}
    without = benchmark.measure_all(found["plan"], rounds=2)
    without["burst"][servers.STOCK_AS_IT_COMES] = found["burst"][servers.STOCK_AS_IT_COMES]
    shown = tables.markdown(without)
    assert REDIS_ROW not in shown
    assert benchmark.NO_REDIS in shown
    assert list(without["rounds"][1]) == list(reversed(without["rounds"][0])), "the second round goes backwards"


def test_ratios_are_those_of_the_same_round(quick):
    found = json.loads(quick[1].read_text(encoding="utf-8"))
    found["rounds"] = [deepcopy(found["rounds"][0]) for _ in range(3)]
    for each, project, stock in zip(found["rounds"], (20_000, 30_000, 9_000), (2_000, 1_000, 3_000), strict=True):
        for name, speed in ((servers.PROJECT, project), (servers.STOCK, stock)):
            each[name]["rooms"]["10"]["busy"]["per_second"] = speed
    assert "| 10 | **this project** | 20,000 | 10.0 (3.00 to 30.0) |" in tables.markdown(found)


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
            assert await carol.recv() == "from carol", "and nothing from the path beside"


def test_a_server_that_does_not_start_says_its_last_words():
    def break_it(folder):
        servers.copy_project(folder)
        servers.replace_once(folder / "tutorial" / "settings.py", '"chat",', '"chatt",')

    with pytest.raises(servers.ServerFailed, match=r"runserver(?s:.)*No module named 'chatt'"):
        with servers.serve(servers.Kind(break_it, servers.runserver, "")):
            pass


def test_a_text_to_replace_has_to_be_there_once(tmp_path):
    settings = tmp_path / "settings.py"
    settings.write_text("A = 1\nB = 1\n", encoding="utf-8")
    for old, times in ((" = 1", 2), ("C", 0)):
        with pytest.raises(servers.ServerFailed, match=f"once in settings.py, found it {times} times"):
            servers.replace_once(settings, old, "")
    servers.replace_once(settings, "A = 1", "A = 2")
    assert settings.read_text(encoding="utf-8") == "A = 2\nB = 1\n"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows can't send Ctrl+C to one process")
def test_ctrl_c_ends_all_that_was_started():
    process = subprocess.Popen(
        [sys.executable, str(HERE / "benchmark.py")],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        # A shell's job in the background ignores Ctrl+C, and so would what it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    with process:
        started = until(lambda: find_crowd(process), "the crowd is there")
        process.send_signal(signal.SIGINT)
        words = process.communicate(timeout=20)[0]
    assert process.returncode == 1
    assert "Stopped, with all that was started." in words and "Traceback" not in words
    assert not [child for child in started if child.is_running()]


def find_crowd(process):
    """Return all that a script has started as soon as a crowd is among them."""
    children = psutil.Process(process.pid).children(recursive=True)
    return children if any("crowd.py" in " ".join(child.cmdline()) for child in children) else None


def test_the_teacher_gets_a_sentence_however_few_sockets_the_system_allows():
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
def test_the_search_finds_what_holds_to_a_tenth(real):
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
