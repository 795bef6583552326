"""How a file is written whole or not at all."""

import os
import uuid


def write_whole(path, text):
    """Under another name first, then renamed at once: nobody ever reads a part of it, whoever else writes it, too."""
    part = path.with_suffix(f".{uuid.uuid4().hex}.part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)
