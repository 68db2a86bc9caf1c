class WorkshopError(Exception):
    """Something a student can mend. Jupyter shows its sentence, not a page of traceback."""

    def _render_traceback_(self):  # IPython asks an exception for this
        return [str(self)]
