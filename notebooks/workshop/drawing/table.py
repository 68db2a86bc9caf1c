"""Tables of numbers."""


class Table:
    """Something that is shown as a table. cells() yields its rows, beginning with the headings."""

    def __repr__(self):
        return table(list(self.cells()))

    def _repr_html_(self):
        return html_table(list(self.cells()))


def table(rows):
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


def html_table(rows):
    head, *body = (["<td style='text-align: right'>" + cell + "</td>" for cell in row] for row in rows)
    lines = [f"<thead><tr>{''.join(head)}</tr></thead>", *(f"<tr>{''.join(row)}</tr>" for row in body)]
    return f"<table>{''.join(lines)}</table>"
