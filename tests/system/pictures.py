"""
Take the README's pictures again, of the real chat: two windows that chat, a notebook in JupyterLab, and the wall.

    python tests/system/pictures.py

It needs Chromium and its driver, and writes to notebooks/pictures/.
"""

import contextlib
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

REPOSITORY = Path(__file__).resolve().parents[2]
PANEL = "document.querySelector('.jp-WindowedPanel-outer')"  # what scrolls in JupyterLab
PICTURES = REPOSITORY / "notebooks" / "pictures"
sys.path[:0] = [str(REPOSITORY / folder) for folder in ("tests", "tests/lesson", "notebooks")]
from running import Port, Process  # noqa: E402
from waiting import until  # noqa: E402


def start_browser(folder, wide, high):
    options = webdriver.ChromeOptions()
    for argument in (
        "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
        "--disable-component-update --disable-sync --hide-scrollbars --no-proxy-server"
    ).split():
        options.add_argument(argument)
    options.add_argument(f"--user-data-dir={folder}/chromium")
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome")
    browser = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    size = {"width": wide, "height": high, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    return browser


def save(browser, name):
    PICTURES.mkdir(exist_ok=True)
    browser.save_screenshot(str(PICTURES / name))
    print(PICTURES / name)


def two_windows(lesson, folder):
    """Take the picture of Alice and Bob, who chat in two windows side by side."""
    os.chdir(lesson / "notebooks")
    sys.path.insert(0, str(lesson / "notebooks"))
    from workshop import open_stage, serve, windows

    open_stage(9)
    with serve() as server:
        page = folder / "windows.html"
        page.write_text(f"<body>{windows(server, 'lobby', 'lobby')._repr_html_()}</body>", encoding="utf-8")
        browser = start_browser(folder, 1002, 462)
        try:
            browser.implicitly_wait(5)  # seconds: a frame goes to its page when the server has answered it
            browser.get(page.as_uri())
            frames = browser.find_elements(By.TAG_NAME, "iframe")
            for number, words in (
                (0, "Is anybody here?"),
                (1, "Yes, in the other window. 你好!"),
                (0, "No Redis?"),
                (1, "None."),
            ):
                browser.switch_to.frame(frames[number])
                until(lambda: "Connected" in browser.find_element(By.ID, "chat-status").text, "a window is connected")
                browser.find_element(By.ID, "chat-message-input").send_keys(words, Keys.ENTER)
                log = browser.find_element(By.ID, "chat-log")
                until(lambda log=log, words=words: words in log.get_property("value"), f"{words} has come back")
                browser.switch_to.default_content()
            save(browser, "two_windows.png")
        finally:
            browser.quit()


def notebook(lesson, folder):
    """Take the picture of notebook 3 in JupyterLab: a red test, and what it says."""
    port = Port()
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1"]
    command += [f"--port={port.number}"]
    command += ["--IdentityProvider.token=", "--LabApp.expose_app_in_browser=True", "--LabApp.news_url="]
    own = {"JUPYTER_CONFIG_DIR": str(folder), "JUPYTERLAB_SETTINGS_DIR": str(folder)}  # without anybody's own theme
    lab = Process(command, port, lesson / "notebooks", folder / "lab.log", **own)
    browser = start_browser(folder, 1100, 900)
    try:
        lab.start()
        browser.get(f"http://127.0.0.1:{lab.port}/lab/tree/03_consumer.ipynb")
        until(
            lambda: browser.execute_script("return !!window.jupyterapp && !!document.querySelector('.jp-CodeCell')"),
            "the notebook is open",
            60,
        )
        ready = "return document.querySelector('.jp-StatusBar-Widget')?.textContent.includes('Idle')"
        until(lambda: browser.execute_script(ready), "the kernel is ready", 60)
        browser.execute_script("window.jupyterapp.commands.execute('application:toggle-left-area')")
        for button in browser.find_elements(By.CSS_SELECTOR, ".Toastify__toast button"):
            if button.text == "No":  # it offers news about Jupyter
                button.click()
        browser.execute_script("window.jupyterapp.commands.execute('notebook:run-all-cells')")
        red = "[...document.querySelectorAll('.jp-CodeCell')].find(cell => cell.textContent.includes('Gap 1 is open'))"
        until(lambda: browser.execute_script(f"return {red} !== undefined"), "the check of the gaps is shown", 60)
        until(lambda: browser.execute_script(ready), "the notebook has run, so that nothing moves any more", 120)
        # The code with its gaps is above the check: both are to be seen. A cell gets its height when it is first seen.
        above = f"const by = {red}.getBoundingClientRect().top - 470; {PANEL}.scrollBy(0, by); return Math.abs(by)"
        until(lambda: browser.execute_script(above) < 2, "the check has its place")
        until(lambda: browser.execute_script("return document.fonts.status === 'loaded'"), "the fonts are there")
        save(browser, "notebook.png")
    finally:
        browser.quit()
        lab.close()


def wall(lesson, folder):
    """Take the picture of the wall: four people talk, one consumer is halted, and a message is on its way."""
    sys.path.insert(0, str(lesson / "notebooks"))
    from websockets.sync.client import connect
    from workshop import start_class

    port = Port()
    port.hand_over()
    with start_class(address="127.0.0.1", port=port.number) as classroom, contextlib.ExitStack() as people:
        url = f"{classroom.chat.replace('http', 'ws', 1)}ws/chat/lobby/"
        browser = start_browser(folder, 1280, 720)
        people.callback(browser.quit)
        browser.get(classroom.wall)
        four = [people.enter_context(connect(url, origin=classroom.chat[:-1], proxy=None)) for _ in range(4)]

        def say(person, words):
            four[person].send(json.dumps({"message": words}))
            four[person].recv()

        until(lambda: browser.find_elements(By.CSS_SELECTOR, "[data-person='Person 4']"), "everyone is on the wall")
        browser.find_element(By.ID, "open-levers").click()
        Select(browser.find_element(By.ID, "person")).select_by_value("Person 4")
        browser.find_element(By.CSS_SELECTOR, "[data-lever=halted]").click()
        browser.find_element(By.ID, "do-it").click()
        until(lambda: "Person 4" in browser.find_element(By.ID, "set-levers").text, "the consumer is halted")
        browser.find_element(By.ID, "open-levers").click()
        for person, words in ((0, "Is anybody here?"), (1, "Yes! 你好"), (2, "Person 4 is so quiet.")):
            say(person, words)
        waits = "[data-person='Person 4'][data-waiting='2']"  # the first one is in the consumer's hand
        until(lambda: browser.find_elements(By.CSS_SELECTOR, waits), "three messages wait")
        until(lambda: not browser.find_elements(By.CLASS_NAME, "flight"), "nothing is on its way")
        say(0, "No Redis?")
        until(lambda: browser.find_elements(By.CSS_SELECTOR, ".flight[data-step=event]"), "a message is on its way")
        save(browser, "wall.png")
    port.give_back()


def main():
    from lesson import copy_lesson

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        folder = Path(folder)
        lesson = copy_lesson(folder / "lesson")
        notebook(lesson, folder)
        two_windows(lesson, folder)
        wall(lesson, folder)


if __name__ == "__main__":
    main()
