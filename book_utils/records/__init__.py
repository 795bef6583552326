"""What took too long for a page: figures that a script in `benchmarks/` computed once and stored here as JSON."""

import json
from pathlib import Path


def read(name):
    """The record `name`, as its script wrote it: `read("california")`."""
    return json.loads(Path(__file__).with_name(f"{name}.json").read_text(encoding="utf-8"))
