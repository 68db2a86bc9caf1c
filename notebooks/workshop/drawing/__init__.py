"""Whatever appears below a cell: pictures, tables, plots, differences, live windows."""

from workshop.drawing.check import Check
from workshop.drawing.difference import Difference
from workshop.drawing.question import Question
from workshop.drawing.sequence import label, sequence
from workshop.drawing.table import Table
from workshop.drawing.windows import Windows
from workshop.drawing.xray import xray

__all__ = ["Check", "Difference", "Question", "Table", "Windows", "label", "sequence", "xray"]
