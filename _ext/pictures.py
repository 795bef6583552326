"""On a phone, a figure of a notebook is shown in its narrow version, which `tools/narrow.py` stored beside it."""

import base64
import hashlib
import json
import re
from pathlib import Path

BREAKPOINT = "(max-width: 600px)"  # as in book.css


def narrow_versions(notebook):
    """{name of the file that MyST-NB writes for a figure: its narrow version, as stored}."""
    found = {}
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            narrow = output.get("metadata", {}).get("image/png", {}).get("narrow")
            if narrow:
                name = hashlib.sha256(base64.b64decode(output["data"]["image/png"])).hexdigest()
                found[f"{name}.png"] = narrow
    return found


def offer_narrow(app, pagename, templatename, context, doctree):
    """Write the narrow pictures of a page and let the browser choose."""
    source = Path(app.env.doc2path(pagename)) if doctree else Path()
    if source.suffix != ".ipynb":
        return
    narrow = narrow_versions(json.loads(source.read_text(encoding="utf-8")))

    images = Path(app.outdir) / "_images"

    def picture(match):
        image, folder, name = match.group(0, 1, 2)
        if name not in narrow:
            return image
        stored = narrow[name]
        file = name.replace(".png", "-narrow.webp")
        images.mkdir(exist_ok=True)
        (images / file).write_bytes(base64.b64decode(stored["webp"]))
        return (f'<picture><source media="{BREAKPOINT}" srcset="{folder}{file} 2x" width="{stored["width"]}" '
                f'height="{stored["height"]}">{image}</picture>')

    context["body"] = re.sub(r'<img [^>]*?src="([^"]*/)([0-9a-f]{64}\.png)"[^>]*>', picture, context["body"])


def setup(app):
    app.connect("html-page-context", offer_narrow)
    return {"parallel_read_safe": True}
