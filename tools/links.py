"""Ask every address outside of the book whether it still answers: `make links`.

These are the addresses in the built pages, and where the data come from (of the sets that are many files, the first).
Prints those that fail and what they said. Who turns programs away, or wants to know who asks, has answered.
"""

import re
import sys
from concurrent.futures import ThreadPoolExecutor
from html import unescape

import requests
from project import HTML

from book_utils.data import PINNED

TIMEOUT = 30  # seconds
TRIES = 3
ANSWERS = {401, 403, 405, 429, 999}
LINK = re.compile(r'<(?:a|link|meta|img|source|script|iframe)\b[^>]*?\b(?:href|src|content)="(https?://[^"#]+)')


def addresses(html=HTML):
    """{address: where it stands}, each once."""
    found = {}
    for page in sorted(html.rglob("*.html")):
        for address in LINK.findall(page.read_text(encoding="utf-8")):
            found.setdefault(unescape(address), page.relative_to(html).as_posix())
    folders = set()
    for address, _ in PINNED.values():
        folder = address.rpartition("/")[0]
        if folder not in folders:
            folders.add(folder)
            found.setdefault(address, "book_utils/data.py")
    return found


def trouble(address):
    """What is wrong with an address, or None."""
    said = None
    for _ in range(TRIES):
        try:
            with requests.get(address, stream=True, timeout=TIMEOUT, headers={"User-Agent": "Mozilla/5.0"}) as answer:
                if answer.ok or answer.status_code in ANSWERS:
                    return None
                said = f"{answer.status_code} {answer.reason}"
        except requests.RequestException as error:
            said = type(error).__name__
    return said


def main():
    found = addresses()
    with ThreadPoolExecutor(8) as pool:
        bad = [(address, said) for address, said in zip(found, pool.map(trouble, found), strict=True) if said]
    for address, said in bad:
        print(f"- {address} ({said}), in {found[address]}")
    print(f"{len(found) - len(bad)} of {len(found)} addresses answer.", file=sys.stderr)
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
