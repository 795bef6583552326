"""What the tools share: where the chapters are, and the environment in which their outputs are made and compared."""

import contextlib
import os
import platform
import shutil
import tempfile
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "_build"
HTML = BUILD / "html"
NAME = "penalties-noise-and-doubt"  # of the files that hold the whole book
CELL_TIMEOUT = 120  # seconds

# The package beside these tools, one thread, one hash seed, inline pictures, no personal configuration.
ENVIRONMENT = {
    "PYTHONPATH": str(ROOT),
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "PYTHONNOUSERSITE": "1",
    "JUPYTER_PREFER_ENV_PATH": "1",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
}
PERSONAL = ("JUPYTER_PATH", "MATPLOTLIBRC", "PYTHONSTARTUP", "PYTHONWARNINGS")

# Matrix products, exp and log differ in their last digits between AVX2 and AVX-512, and a product of random
# numbers can carry that into the digits that a cell prints. Every x86 machine therefore takes the AVX2 code.
if platform.machine().lower() in ("x86_64", "amd64"):
    ENVIRONMENT |= {
        "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
        "OPENBLAS_CORETYPE": "Haswell",
        "MKL_CBWR": "AVX2",
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
    }


@contextlib.contextmanager
def kernel_environment():
    """Yield the environment for a process that starts kernels; its IPython profile is new and empty."""
    with tempfile.TemporaryDirectory() as profile:
        inherited = {key: value for key, value in os.environ.items() if key not in PERSONAL}
        yield inherited | ENVIRONMENT | {"IPYTHONDIR": profile}


# Without these, headless Chromium itself calls home, which a closed network refuses many times a second.
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium():
    """Where the machine has a Chromium, or None: `BROWSER_PATH`, or what is found under one of its names."""
    found = [shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome", "chrome")]
    return os.environ.get("BROWSER_PATH") or next((path for path in found if path), None)


def start_chromium(playwright):
    """The browser that prints; where there is none, the end."""
    if chromium() is None:
        raise SystemExit("No Chromium found: install it, or set BROWSER_PATH.")
    return playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)


def pages(root=ROOT):
    """The pages that _toc.yml names under `root`, without their suffix, in the book's order."""

    def files(node):
        if isinstance(node, dict):
            for key, value in node.items():
                if key in ("root", "file"):
                    yield value
                else:
                    yield from files(value)
        elif isinstance(node, list):
            for item in node:
                yield from files(item)

    return list(files(yaml.safe_load((root / "_toc.yml").read_text())))


def chapters(root=ROOT):
    """The notebooks among them."""
    return [path for page in pages(root) if (path := root / f"{page}.ipynb").exists()]


def chapter_name(path):
    """`penalties/ridge` for chapters/penalties/ridge.ipynb."""
    return f"{path.parent.name}/{path.stem}"


def select(name, root=ROOT):
    """All chapters, or the one called `name`, as in `penalties/ridge`."""
    found = [path for path in chapters(root) if name in ("", chapter_name(path))]
    if name and not found:
        known = ", ".join(map(chapter_name, chapters(root)))
        raise SystemExit(f"_toc.yml names no notebook {name!r}; it names {known}.")
    return found
