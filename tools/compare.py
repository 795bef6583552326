"""Run chapters again and fail wherever an output differs from the stored one (nbval, strict, on every cell).

Pictures are not compared, the data inside an explorable is; tools/last_digit.py says how near a printed number has to
come. Without arguments: every chapter that _toc.yml names. The last lines say how long each took. A chapter whose data
set can neither be found nor fetched is named and not run, unless BOOK_UTILS_DATA is set: then it fails.
"""

import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from project import CELL_TIMEOUT, ROOT, chapter_name, chapters, kernel_environment

from book_utils import data

NBVAL = [
    *("-m", "pytest", "--nbval", "--nbval-current-env", f"--nbval-cell-timeout={CELL_TIMEOUT}"),
    *("--nbval-sanitize-with", str(ROOT / "tests" / "sanitize.cfg")),
    *("-p", "no:cacheprovider", "-p", "tools.last_digit"),
    *("-n", "logical", "--maxprocesses", "4", "--dist", "loadfile", "-q", "--rootdir", str(ROOT)),
]


def compare(arguments, changes=None):
    """Compare the notebooks among the arguments (the rest are for pytest), in an environment with `changes`.

    Returns pytest's exit status and, for each cell, its chapter as in `penalties/ridge`, whether its outputs were the
    stored ones, and its seconds.
    """
    with tempfile.TemporaryDirectory() as folder, kernel_environment() as environment:
        report = Path(folder) / "report.xml"
        command = [sys.executable, *NBVAL, f"--junit-xml={report}", *arguments]
        status = subprocess.run(command, env=environment | (changes or {})).returncode
        cases = ElementTree.parse(report).getroot().iter("testcase") if report.exists() else ()
        return status, [("/".join(case.get("classname").split(".")[-3:-1]), not len(case), float(case.get("time")))
                        for case in cases]


def missing(path):
    """Why the data of a chapter cannot be had here, in a sentence, or nothing."""
    for name in sorted(set(re.findall(r"\b(california|co2|uci)\(", path.read_text(encoding="utf-8")))):
        try:
            getattr(data, name)(*(["yacht", 0] if name == "uci" else []))
        except OSError as error:
            return str(error)
    return ""


def complete(paths):
    """The chapters whose data are here; prints why the others are not run."""
    if "BOOK_UTILS_DATA" in os.environ:
        return paths
    reasons = {path: missing(path) for path in paths}
    for path, sentence in reasons.items():
        if sentence:
            print(f"{chapter_name(path)} is not run: {sentence}")
    return [path for path, sentence in reasons.items() if not sentence]


def main(arguments):
    status, cells = compare(arguments)
    for chapter in dict.fromkeys(chapter for chapter, *_ in cells):
        print(f"{chapter}: {sum(seconds for one, _, seconds in cells if one == chapter):.0f} s")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or [str(path) for path in complete(chapters())]))
