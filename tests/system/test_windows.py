"""The live windows of the notebooks, in a browser."""

import functools
import socket
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from waiting import until

sys.path.append(str(Path(__file__).resolve().parents[2] / "notebooks"))
from workshop.drawing import Check, Difference, Windows

pytestmark = pytest.mark.xdist_group("browser 1")


def show(browser, folder, *outputs):
    page = folder / "output.html"
    html = "".join(output._repr_html_() for output in outputs)
    page.write_text(f'<meta charset="utf-8"><body style="width: 400px">{html}', encoding="utf-8")
    browser.get(page.as_uri())


def read(browser, frame):
    """Return what can be read in a frame."""
    browser.switch_to.frame(frame)
    try:
        return browser.find_element(By.TAG_NAME, "body").text
    finally:
        browser.switch_to.default_content()


def test_a_window_shows_its_page_or_says_that_the_server_was_stopped(browser, tmp_path):
    (tmp_path / "chat").mkdir()
    (tmp_path / "chat" / "index.html").write_text("This is the chat.", encoding="utf-8")
    handler = functools.partial(SimpleHTTPRequestHandler, directory=tmp_path)
    with socket.socket() as nobody, ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        nobody.bind(("127.0.0.1", 0))  # and it doesn't listen
        threading.Thread(target=server.serve_forever).start()
        try:
            urls = [f"http://127.0.0.1:{each.getsockname()[1]}/chat/" for each in (server.socket, nobody)]
            show(browser, tmp_path, Windows(urls))
            live, dead = browser.find_elements(By.TAG_NAME, "iframe")
            until(lambda: read(browser, live) == "This is the chat.", "the page is shown")
            until(lambda: "The server of this window was stopped" in read(browser, dead), "it says why it is empty")
            server.shutdown()
            assert read(browser, live) == "This is the chat.", "a page that was shown stays"
        finally:
            server.shutdown()


def test_windows_are_equally_wide_however_long_their_addresses_are(browser, tmp_path):
    show(browser, tmp_path, Windows([f"http://127.0.0.1:1/chat/{'%E8%81%8A' * 90}/", "http://127.0.0.1:1/chat/a/"]))
    first, second = browser.find_elements(By.TAG_NAME, "iframe")
    assert first.size["width"] == second.size["width"] > 150


def test_long_lines_break_between_words(browser, tmp_path):
    """The page says pre { word-break: break-all }, as JupyterLab does."""
    words = [f"word{'y' * (number % 5)}" for number in range(60)]
    case = {"green": False, "sentence": "It is red.", "seen": " ".join(words), "asked": "", "file": "chat/views.py"}
    show(browser, tmp_path, Check("Stage 3", [case], ""), Difference({"a": b""}, {"a": " ".join(words).encode()}))
    broken = browser.execute_script(
        """
        const sheet = new CSSStyleSheet();
        sheet.replaceSync("pre { white-space: pre-wrap; word-break: break-all }");
        document.adoptedStyleSheets = [sheet];
        const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), broken = [];
        let lines = 0;
        while (texts.nextNode()) {
          for (const word of texts.currentNode.data.matchAll(/word\\S*/g)) {
            const range = document.createRange();
            range.setStart(texts.currentNode, word.index);
            range.setEnd(texts.currentNode, word.index + word[0].length);
            lines = Math.max(lines, range.getBoundingClientRect().top);
            if (range.getClientRects().length > 1) broken.push(word[0]);
          }
        }
        return {broken, lines};
        """
    )
    assert broken["broken"] == []
    assert broken["lines"] > 100, "the words take several lines"
