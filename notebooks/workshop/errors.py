NO_TABLES = 'The database lacks tables that this project needs. python("manage.py", "migrate") makes them.'


class WorkshopError(Exception):
    """A problem that a student can fix. Jupyter shows its message instead of a traceback."""

    def _render_traceback_(self):  # IPython calls this to show the exception
        return [str(self)]
