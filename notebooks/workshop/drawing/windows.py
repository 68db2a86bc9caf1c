"""Live pages of the chat, side by side."""

import html


class Windows:
    """Pages in frames side by side, with a link to each where frames can't be shown."""

    def __init__(self, urls):
        self.urls = urls

    def __repr__(self):
        return "\n".join(f"A window on {url}" for url in self.urls)

    def _repr_html_(self):
        frames = "".join(
            f'<div style="flex: 1"><iframe src="{url}" style="width: 100%; height: 420px; border: 1px solid gray">'
            f'</iframe><a href="{url}" target="_blank">{url}</a></div>'
            for url in map(html.escape, self.urls)
        )
        return f'<div style="display: flex; gap: 1em">{frames}</div>'
