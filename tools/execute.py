"""Run chapters from top to bottom and store their outputs: `make execute`, or `make execute CHAPTER=penalties/ridge`.

What a notebook stores is the reference that the tests compare with, so everything in it that is no result is made
the same on every run and every machine: running an unchanged chapter again leaves its file as it was, byte for byte.
On a processor of another maker that holds for what is printed; a picture of trained networks may change a little.
"""

import base64
import io
import os
import sys
import time
from pathlib import Path

import nbformat
import numpy as np
from last_digit import settle_outputs
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from PIL import Image
from project import CELL_TIMEOUT, chapter_name, kernel_environment, select
from repository import ensure_colab_cell, read_url

from book_utils._files import write_whole

KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
# What MyST-NB highlights code with, and nothing that names a version.
LANGUAGE_INFO = {
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "pygments_lexer": "ipython3",
}
# Run in the kernel before a chapter's first cell, and leaves no name behind there.
INSTALL_NARROW = f"__import__('runpy').run_path({str(Path(__file__).with_name('narrow.py'))!r})['install']()"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def few_colors(data, n=24):
    """The picture of a base64 PNG with at most n colors: a quarter of the size, and no maker's name inside.

    A color is a meaning in this book, also that of a thin line. So one color after the other is taken as it is, always
    the one that matters most: how often it occurs (to the power of 0.7) times its squared distance from those taken.
    """
    image = Image.open(io.BytesIO(base64.b64decode(data)))
    if image.mode == "P":
        return image
    pixels = np.asarray(image.convert("RGB")).astype(int)
    codes, where, counts = np.unique(pixels @ (1 << 16, 1 << 8, 1), return_inverse=True, return_counts=True)
    colors = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=1)
    taken, nearest, distance = [], np.zeros(len(colors), np.uint8), np.full(len(colors), 3 * 256**2)
    for k in range(min(n, len(colors))):
        taken.append(colors[(counts**0.7 * distance).argmax()])
        fresh = ((colors - taken[-1]) ** 2).sum(axis=1)
        nearest[fresh < distance] = k
        distance = np.minimum(fresh, distance)
    small = Image.fromarray(nearest[where].reshape(pixels.shape[:2]), "P")
    small.putpalette(np.array(taken, np.uint8).ravel().tolist())
    return small


def stored(image, kind, **options):
    """A picture as base64."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    return base64.b64encode(out.getvalue()).decode()


def normalize(notebook):
    """Drop what is no result: versions, times, the state of widgets that only a kernel can draw."""
    notebook.metadata.pop("widgets", None)
    notebook.metadata.update(kernelspec=KERNELSPEC, language_info=LANGUAGE_INFO)
    for cell in notebook.cells:
        for key in ("execution", "ExecuteTime", "collapsed", "scrolled"):
            cell.metadata.pop(key, None)
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            data.pop(WIDGET_VIEW, None)
            if "image/png" in data:
                data["image/png"] = stored(few_colors(data["image/png"]), "PNG", optimize=True)
            narrow = output.get("metadata", {}).get("image/png", {}).get("narrow")
            if narrow:  # of tools/narrow.py; no notebook shows it, so it takes the format that needs the least
                narrow["webp"] = stored(few_colors(narrow.pop("png")).convert("RGB"), "WEBP", lossless=True,
                                        quality=100, method=6)
        if "outputs" in cell:
            cell.outputs = [out for out in cell.outputs if out.get("data") != {}]


def short(error, notebook):
    """The failing cell and its error, without the traceback through the libraries."""
    failed = [(n, cell, out) for n, cell in enumerate(notebook.cells, 1) for out in cell.get("outputs", [])
              if out.output_type == "error"]
    if not failed:
        return f"  {type(error).__name__}: {str(error).splitlines()[0]}"
    number, cell, out = failed[-1]
    source = "\n".join(f"    {line}" for line in cell.source.splitlines())
    return f"  cell {number}:\n{source}\n  {out.ename}: {out.evalue}"


def run(path):
    """Execute one notebook in place; return what went wrong, or None. A notebook that fails is left as it was."""
    notebook = nbformat.read(path, as_version=4)
    ensure_colab_cell(notebook, read_url())
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=CELL_TIMEOUT,
        extra_arguments=["--log-level=ERROR", f"--IPKernelApp.exec_lines={INSTALL_NARROW}"],
        resources={"metadata": {"path": str(path.parent)}},
        record_timing=False,
        coalesce_streams=True,
    )
    try:
        client.execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        return short(error, notebook)
    normalize(notebook)
    stored_outputs = {cell.id: cell.get("outputs", []) for cell in nbformat.read(path, as_version=4).cells}
    for cell in notebook.cells:
        settle_outputs(cell.get("outputs", []), stored_outputs.get(cell.id, []))
    text = nbformat.writes(notebook) + "\n"
    if text != path.read_text(encoding="utf-8"):  # an unchanged file keeps its date, and its built page
        write_whole(path, text)  # a run that is stopped here leaves the old notebook or the new one


def main(name=""):
    failed = False
    with kernel_environment() as environment:
        os.environ.clear()
        os.environ.update(environment)
        for path in select(name):
            start = time.perf_counter()
            problem = run(path)
            print(f"{chapter_name(path)}: {time.perf_counter() - start:.1f} s", flush=True)
            if problem:
                failed = True
                print(f"  failed, and the notebook is left as it was\n{problem}", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
