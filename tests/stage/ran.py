"""Which of the project's functions ran, for a test that has found that something didn't happen."""

import sys

from stage.errors import own_places


class Ran:
    """During a `with` statement, notes the functions of the project that begin: `functions` is {(file, name)}."""

    def __init__(self, project):
        self.project, self.functions, self._seen = project, set(), {}

    def __enter__(self):
        self.before = sys.getprofile()
        sys.setprofile(self._note)
        return self

    def __exit__(self, *error):
        sys.setprofile(self.before)

    def _note(self, frame, event, argument):
        if event != "call":
            return
        code = frame.f_code
        if code not in self._seen:
            places = own_places([(code.co_filename, frame.f_lineno, "")], self.project)
            self._seen[code] = (places[0][0], code.co_name) if places else None
        if self._seen[code]:
            self.functions.add(self._seen[code])

    def files(self):
        return {file for file, _ in self.functions}

    def names(self):
        return {name for _, name in self.functions}
