"""What students are asked: questions that answer back, gaps that one can fill, hints short of the solution."""

import collections
import difflib
import json
import re

import pytest
from lesson import NOTEBOOKS, code_cells, read, stage_of
from workshop.lesson.data import GIVEN, digest, gap_hints, given_digests, questions
from workshop.lesson.stages import find_notebook, given_texts, part_of, read_all_cells, stages, texts_of

QUESTIONS = [(stage, question) for stage in stages() for question in questions(stage)]
each_question = pytest.mark.parametrize(
    "stage, question", QUESTIONS, ids=[question["name"] for _, question in QUESTIONS]
)
WITH_GAPS = [stage for stage in stages() if texts_of(stage, "solution")]
MARK = re.compile(r"\bGap (\d+): \S")


@each_question
def test_a_question_has_one_right_answer_and_a_sentence_about_each(stage, question):
    answers = question["answers"]
    assert 3 <= len(answers) <= 6
    assert [answer["right"] for answer in answers].count(True) == 1
    assert len({answer["text"] for answer in answers}) == len(answers)
    for answer in answers:
        assert answer["because"].strip().endswith((".", "!", "?", "`", ")")), f"{answer['text']}: {answer['because']}"
        assert len(answer["because"].split()) > 3


@each_question
def test_a_question_stands_in_its_notebook_once_and_nothing_there_gives_its_answer_away(stage, question):
    cells = read_all_cells(find_notebook(stage))
    assert cells.count(f'predict("{question["name"]}")') == 1
    notebook = find_notebook(stage).read_text(encoding="utf-8")
    for answer in question["answers"]:
        assert answer["because"] not in notebook and answer["text"] not in notebook


def test_each_notebook_asks_four_questions_or_more_and_each_has_a_name_of_its_own():
    for stage in stages():
        assert len(questions(stage)) >= 4, f"Stage {stage} asks {len(questions(stage))} questions."
    names = [question["name"] for _, question in QUESTIONS]
    assert len(names) == len(set(names))


def test_the_right_answer_has_no_place_of_its_own_and_no_length_of_its_own():
    places, longest = collections.Counter(), 0
    for _, question in QUESTIONS:
        right = next(number for number, answer in enumerate(question["answers"]) if answer["right"])
        places[right] += 1
        lengths = [len(answer["text"]) for answer in question["answers"]]
        longest += lengths[right] == max(lengths)
    assert max(places.values()) < len(QUESTIONS) / 2, places
    assert longest < len(QUESTIONS) / 2, f"{longest} of {len(QUESTIONS)} right answers are the longest"


def gapped(stage):
    """Return {path: (text with gaps, solution)} for the files of a stage that are the student's to write."""
    written = texts_of(stage, "write")
    return {path: (written[path], text) for path, text in texts_of(stage, "solution").items()}


@pytest.mark.parametrize("stage", WITH_GAPS)
def test_a_stages_gaps_are_numbered_and_each_has_hints(stage):
    numbers = [int(number) for gaps, _ in gapped(stage).values() for number in MARK.findall(gaps)]
    assert numbers == list(range(1, len(numbers) + 1))
    hints = gap_hints(stage)
    assert sorted(hints) == numbers
    assert all(len(each) >= 2 for each in hints.values())


def test_each_file_with_gaps_is_known_as_the_lessons_to_the_byte():
    given = given_texts()
    texts = [text.encode("utf-8") for text in given]
    assert set(map(digest, texts)) == given_digests(), (
        "Run: python tests/lesson/refresh.py 2 (any notebook): it writes gaps.json anew."
    )
    assert len(json.loads(GIVEN.read_text(encoding="utf-8"))) == len(texts)
    assert all(gaps in given for stage in WITH_GAPS for gaps, _ in gapped(stage).values())


@pytest.mark.parametrize("stage", WITH_GAPS)
def test_a_gap_takes_one_to_fifteen_lines_and_a_part_of_a_stage_no_more_than_sixty(stage):
    of_part = collections.Counter()
    for path, (gaps, solution) in gapped(stage).items():
        assert MARK.search(gaps), f"{path} of stage {stage} has a solution and no gap."
        assert not MARK.search(solution)
        blocks = difflib.SequenceMatcher(None, gaps.splitlines(), solution.splitlines(), autojunk=False).get_opcodes()
        sizes = [to - start for kind, _, _, start, to in blocks if kind in ("insert", "replace")]
        assert sizes and max(sizes) <= 20, f"{path} of stage {stage}: gaps of {sizes} lines"
        of_part[part_of(stage, path)] += sum(sizes)
    assert max(of_part.values()) <= 60, f"Stage {stage} asks for {dict(of_part)} lines."


@pytest.mark.parametrize("stage", WITH_GAPS)
def test_no_hint_has_a_line_of_the_solution(stage):
    hints = [hint for each in gap_hints(stage).values() for hint in each]
    for gaps, solution in gapped(stage).values():
        for line in solution.splitlines():
            alone = line.strip()
            if line not in gaps.splitlines() and len(re.findall(r"\w+", alone)) > 3:
                assert not [hint for hint in hints if alone in hint], f"A hint of stage {stage} has this line: {alone}"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_has_a_solution_is_checked_after_it_too(path):
    cells = [cell.source for cell in code_cells(read(path))]
    last = max((at for at, cell in enumerate(cells) if cell.startswith("%%solution")), default=None)
    assert last is None or cells[last + 1].startswith(f"check({stage_of(path)!r}".replace("'", '"'))
