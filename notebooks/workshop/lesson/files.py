"""The folders of the lesson, and a project's files as {path inside its folder: bytes}."""

from pathlib import Path

NOTEBOOKS = Path(__file__).resolve().parents[2]
REPOSITORY = NOTEBOOKS.parent
WORKSPACE = NOTEBOOKS / "workspace"
# Made by Python, Django and the verbs, and by SQLite where a server was killed.
LEFT_BEHIND = ("__pycache__", "db.sqlite3", "db.sqlite3-journal", ".mistake", ".lesson")


def read_files(folder):
    """Return {path inside the folder, with slashes: bytes} for all files but those that running the project leaves."""
    folder = Path(folder)
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(part in LEFT_BEHIND for part in path.relative_to(folder).parts)
    }


def write_files(files, folder):
    """Write these files, {path: bytes}, into the folder."""
    for name, content in files.items():
        path = Path(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def remove_files(paths, folder):
    """Delete these files in the folder, and any folder that is empty then."""
    for path in paths:
        (Path(folder) / path).unlink(missing_ok=True)
        parent = (Path(folder) / path).parent
        if parent != Path(folder) and parent.is_dir() and not any(parent.iterdir()):
            parent.rmdir()
