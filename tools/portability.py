"""Run the strict comparison of all chapters under other numbers of threads and other instruction sets.

`make test-portability` prints one table, chapters by settings. A cell says `same` where every output is the stored
one, or how many code cells printed something else. It ends with an error if any did.
"""

import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

import compare
from project import chapter_name, chapters

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
SETTINGS = {
    "stored": {},
    "2 threads": dict.fromkeys(THREADS, "2"),
    "torch default": {"ATEN_CPU_CAPABILITY": "default"},
    "BLAS Prescott": {"OPENBLAS_CORETYPE": "Prescott"},
    "BLAS SkylakeX": {"OPENBLAS_CORETYPE": "SkylakeX"},
}


def differing(path, setting):
    """How many cells of a chapter differ under a setting, by running nbval once."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        compare.main([str(path), f"--junit-xml={report}", "--tb=no", "-qq"], setting)
        cases = ElementTree.parse(report).getroot().iter("testcase")
        return Counter(next((child.tag for child in case), "passed") for case in cases)


def main():
    width = max(len(chapter_name(path)) for path in chapters())
    rows, failed = [], False
    for path in chapters():
        cells = []
        for setting in SETTINGS.values():
            counts = differing(path, setting)
            bad = counts["failure"] + counts["error"]
            failed |= bool(bad) or not counts["passed"]
            cells.append("same" if not bad else f"{bad} of {sum(counts.values())}")
        rows.append(f"{chapter_name(path):{width}}  " + "  ".join(
            f"{cell:>{len(name)}}" for cell, name in zip(cells, SETTINGS, strict=True)))
    print("\n".join([" " * width + "  " + "  ".join(SETTINGS), *rows]))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
