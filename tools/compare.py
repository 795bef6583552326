"""Run chapters again and fail wherever an output differs from the stored one (nbval, strict, on every cell).

Pictures are not compared, the data inside an explorable is. Without arguments: every chapter that _toc.yml names.
"""

import subprocess
import sys

from project import CELL_TIMEOUT, ROOT, chapters, kernel_environment

NBVAL = [
    *("-m", "pytest", "--nbval", "--nbval-current-env", f"--nbval-cell-timeout={CELL_TIMEOUT}"),
    *("--nbval-sanitize-with", str(ROOT / "tests" / "sanitize.cfg"), "-p", "no:cacheprovider"),
    *("-n", "2", "--dist", "loadfile", "-q", "--rootdir", str(ROOT)),
]


def main(arguments, changes=None):
    """Compare the notebooks among the arguments (the rest are for pytest), in an environment with `changes`."""
    with kernel_environment() as environment:
        return subprocess.run([sys.executable, *NBVAL, *arguments], env=environment | (changes or {})).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or [str(path) for path in chapters()]))
