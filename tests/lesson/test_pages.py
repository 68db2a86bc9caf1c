"""The README and the pages beside the notebooks: short, without a dead link, and what the mistakes' data say."""

import re
from urllib.parse import unquote

import pytest
from lesson import NOTEBOOKS, REPOSITORY
from workshop.lesson.mistakes import MISTAKES
from workshop.lesson.symptoms import HEADERS, PAGE, make_page

README = REPOSITORY / "README.md"
LESSON = REPOSITORY / "notebooks"
PAGES = [README, *sorted(LESSON.glob("*.md"))]
EVERY_PAGE = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def text_of(page):
    return page.read_text(encoding="utf-8")


def links(page):
    """Yield where each link and picture of a page leads to, less what is on another site."""
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
        if not re.match(r"[a-z]+:", target):
            yield unquote(target)


def anchors(page):
    """Return the fragments that lead to a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def test_the_page_of_symptoms_is_what_the_mistakes_say():
    assert text_of(PAGE) == make_page(), "In the folder notebooks/ run `python -m workshop.lesson.symptoms`."


def test_a_mistake_has_all_headers_of_a_symptom_or_none():
    for mistake in MISTAKES:
        more = mistake.headers.keys() - {"Name", "Title", "Test", "Words", "Thread"}
        assert more in (set(), set(HEADERS)), f"{mistake.name} in stage_{mistake.stage}.diff has these more: {more}"
        assert all(mistake.headers[header].strip() for header in more), f"{mistake.name} has a header without a value"


def test_the_readme_is_a_page():
    lines = text_of(README).splitlines()
    assert len(lines) <= 120, f"README.md has {len(lines)} lines, and 120 is what a newcomer reads"


def test_the_readme_leads_to_every_page_and_every_notebook():
    beside = {f"notebooks/{path.name}" for path in [*PAGES[1:], *NOTEBOOKS]}
    assert len(beside) > 10 and beside <= set(links(README))


@EVERY_PAGE
def test_every_link_leads_somewhere(page):
    for link in links(page):
        target, _, fragment = link.partition("#")
        path = page.parent / target if target else page
        assert path.exists(), f"{page.name} links to {link}, and nothing is there"
        assert not fragment or fragment in anchors(path), f"{page.name} links to {link}, and no heading is called that"


@pytest.mark.parametrize("page", PAGES[1:], ids=lambda page: page.name)
def test_a_page_of_the_lesson_stays_in_the_folder_that_jupyter_shows(page):
    outside = [link for link in links(page) if not (page.parent / link).resolve().is_relative_to(LESSON)]
    assert not outside, f"JupyterLab, started in notebooks/, can't follow these: {outside}"


@EVERY_PAGE
def test_each_row_of_a_table_has_as_many_cells_as_its_head(page):
    for table in re.findall(r"(?:^\|.*\n)+", text_of(page), re.MULTILINE):
        head, *rows = (re.split(r"(?<!\\)\|", row) for row in table.splitlines())
        for row in rows:
            assert len(row) == len(head), f"{page.name}: a | inside a cell is written \\|, in code too: {'|'.join(row)}"
