"""
With this folder in its PYTHONPATH, a Python process finds no Redis packages, as if they were not installed.
"""

import sys

HIDDEN = {"redis", "channels_redis"}


class Hide:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in HIDDEN:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Hide)
