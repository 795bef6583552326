"""Repairs of the theme, so that its pages ask no other host for anything and write nothing to the console.

What concerns mathematics, icons or the search has its own file; `tests/test_pages.py` holds them all.
"""

import re
import zlib
from pathlib import Path

HERE = Path(__file__).parent


def configure(app, config):
    """Put the book's own templates and static files before the theme's."""
    config.templates_path.insert(0, str(HERE / "templates"))
    config.html_static_path.append(str(HERE / "static"))


def drop_thebe(app, config):
    """Jupyter Book always adds thebe (live kernels through another host); it declares one constant twice: an error."""
    for listeners in app.events.listeners.values():
        listeners[:] = [one for one in listeners if not one.handler.__module__.startswith("sphinx_thebe")]
    app.registry.css_files[:] = [one for one in app.registry.css_files if one[0] != "sphinx-thebe.css"]


def mend_page(app, pagename, templatename, context, doctree):
    """Repair what is only seen in a page's finished HTML."""
    body = context.get("body", "")
    if "sd-tab-set" not in body:  # the script for tabs loads where there are none
        context["script_files"] = [one for one in context["script_files"]
                                   if not str(one.filename).endswith("design-tabs.js")]
    # For screen readers: an empty corner of a table is no heading.
    context["body"] = re.sub(r"<th([^>]*)>(<p></p>)?</th>", r"<td\1></td>", body)


def setup(app):
    app.connect("config-inited", configure)
    app.connect("config-inited", drop_thebe)
    app.connect("html-page-context", mend_page, priority=900)
    app.add_css_file("repairs.css")
    app.add_js_file("paper.js", loading_method="defer")
    # Changing this file rebuilds every page.
    version = zlib.crc32(Path(__file__).read_bytes())
    return {"parallel_read_safe": True, "parallel_write_safe": False, "env_version": version}
