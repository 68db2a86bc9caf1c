"""Live pages of the chat, side by side."""

import html
from urllib.parse import unquote

GONE = """
<p style="font-family: sans-serif; margin: 2em">
The server of this window was stopped, by server.stop(), by open_stage() or with the notebook's kernel.
Run the cell with serve() again, then the cell of this window.
</p>
"""

# If no server answers, a browser shows a page of its own, which says nothing of notebooks. So a frame begins empty, and
# asks for the server before it goes to the page. It does so again whenever JupyterLab takes it away and puts it back.
LOADED = f"""
const page = this.contentDocument, url = this.dataset.url;
if (page?.URL === "about:blank") fetch(url, {{method: "HEAD", mode: "no-cors"}}).then(
  () => this.contentWindow.location.replace(url),
  () => {{ page.body.innerHTML = `{GONE}`; }},
)
"""


class Windows:
    """Pages in frames side by side, with a link to each where frames can't be shown."""

    def __init__(self, urls):
        self.urls = urls

    def __repr__(self):
        return "\n".join(f"A window on {url}" for url in self.urls)

    def _repr_html_(self):
        frames = "".join(
            f'<div style="flex: 1 1 0; min-width: 0"><iframe data-url="{html.escape(url)}" '
            f'onload="{html.escape(LOADED.strip())}" '
            'style="box-sizing: border-box; width: 100%; height: 420px; border: 1px solid gray; background: white">'
            f'</iframe><a href="{html.escape(url)}" target="_blank" style="overflow-wrap: anywhere">'
            f"{html.escape(unquote(url))}</a></div>"
            for url in self.urls
        )
        return f'<div style="display: flex; gap: 1em">{frames}</div>'
