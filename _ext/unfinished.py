"""A build that was stopped is begun anew.

Sphinx takes a page for finished because its file is newer than its source, half written as it may be, and copies no
style sheet and no script where every page is finished. A build that found warnings counts as stopped, too: the next
one would read no page again, and say nothing of them.
"""

import shutil
from pathlib import Path


def mark(app):
    """The file that is there while a build runs, beside the folder that it writes."""
    return Path(f"{app.outdir}.unfinished")


def begin(app, config):
    if mark(app).exists():
        shutil.rmtree(app.outdir, ignore_errors=True)
        shutil.rmtree(app.doctreedir, ignore_errors=True)
    mark(app).touch()


def end(app, error):
    if error is None and not (app.keep_going and app._warncount):  # keep_going: warnings are errors, all of them said
        mark(app).unlink()


def setup(app):
    app.connect("config-inited", begin)
    app.connect("build-finished", end, priority=999)  # after all others
    return {"parallel_read_safe": True, "parallel_write_safe": True}
