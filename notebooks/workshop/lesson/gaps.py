"""The gaps in a text: comments such as `# Gap 1: join the group.`, which say what a student has to write there."""

import re


def find_gaps(text):
    """Return the numbers of the gaps that are marked in a text."""
    return {int(number) for number in re.findall(r"\bGap (\d+):", text)}


def read_gaps(text):
    """Return (number, purpose) for each gap that is marked in a text. Its comment may go on over some lines."""
    gaps, more = [], None
    for line in text.split("\n"):
        if found := re.match(r"( *)(# |// |<!-- )Gap (\d+): (.*)$", line):
            gaps.append([int(found[3]), found[4]])
            more = found[1] + found[2].replace("<!--", "    ")
        elif more and line.startswith(more) and not gaps[-1][1].endswith("."):
            gaps[-1][1] += f" {line.strip(' #/')}"
        else:
            more = None
    return [(number, purpose.removesuffix("-->").strip()) for number, purpose in gaps]
