"""A page, as the tests see it."""

import html.parser


class Page(html.parser.HTMLParser):
    """A page's elements by id, each a dict of its attributes with "tag", and the text of its scripts."""

    def __init__(self, response):
        super().__init__()
        self.text = response.content.decode("utf-8")
        self.by_id, self.script, self.tags, self._script = {}, "", set(), None
        self.feed(self.text)

    def handle_starttag(self, tag, attrs):
        element = {"tag": tag, **dict(attrs)}
        self.tags.add(tag)
        self._script = element if tag == "script" else None
        if "id" in element:
            self.by_id[element["id"]] = element

    def handle_endtag(self, tag):
        self._script = None

    def handle_data(self, data):
        if self._script is None:
            return
        if self._script.get("type") == "application/json":  # what json_script writes, for the script to read
            self._script["data"] = data
        else:
            self.script += data
