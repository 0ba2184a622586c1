"""Where the real data lives, and threads that spin only briefly while they wait."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("CROSSALIGN_CACHE", str(Path(__file__).parents[1] / ".pytest_cache" / "data"))
os.environ.setdefault("GOMP_SPINCOUNT", "3000")
SHARED = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture
def shared() -> Path:
    """Folder of the real data sets; skips where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("the real data sets are not beside the project")
    return SHARED
