"""What took too long for a page: figures that a script in `benchmarks/` computed once and stored here as JSON."""

import json
from pathlib import Path

from book_utils._checks import shown


def read(name):
    """The record `name`, as its script wrote it: `read("california")`. ValueError if there is none."""
    paths = {path.stem: path for path in sorted(Path(__file__).parent.glob("*.json"))}
    if not isinstance(name, str) or name not in paths:
        raise ValueError(f"name must be one of {', '.join(paths)}, not {shown(name)}.")
    return json.loads(paths[name].read_text(encoding="utf-8"))
