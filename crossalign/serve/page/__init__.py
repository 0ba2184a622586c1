"""The page of the server: files that lie here, read once and served as they are."""

from __future__ import annotations

from importlib import resources

KINDS = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
         ".js": "text/javascript; charset=utf-8"}


def page_files() -> dict[str, tuple[bytes, str]]:
    """Return content and type of the page's files by their paths; the page itself is ``/``."""
    found = {}
    for file in sorted(resources.files(__name__).iterdir(), key=lambda entry: entry.name):
        kind = KINDS.get("." + file.name.rpartition(".")[2])
        if kind is not None:
            path = "/" if file.name == "index.html" else f"/page/{file.name}"
            found[path] = (file.read_bytes(), kind)
    return found
