"""
A Python process whose PYTHONPATH has this folder finds no package of Redis's, as where nobody has installed them.
"""

import sys

HIDDEN = {"redis", "channels_redis"}


class Hide:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in HIDDEN:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Hide)
