"""Put what a release has into `_build/archive`, with checksums: `make archive`, which makes all of it before.

The book, its notebooks and the worksheets lie in one ZIP, beside each other as their links expect. CHANGES.md is what
CHANGELOG.md says of this version. The same files in give the same ZIP, byte for byte.
"""

import hashlib
import re
import shutil
import zipfile

from project import BUILD, NAME, ROOT

from book_utils import __version__

TARGET = BUILD / "archive"
FOLDERS = "html", "notebooks", "worksheets"
LICENSES = "LICENSE", "LICENSE-TEXT"
FILES = f"pdf/{NAME}.pdf", f"epub/{NAME}.epub", f"{NAME}.apkg"


def changes(text):
    """What the changelog says of this version."""
    found = re.search(rf"^## {re.escape(__version__)} .*?(?=^## |\Z)", text, re.M | re.S)
    if not found:
        raise SystemExit(f"CHANGELOG.md has no heading for version {__version__}.")
    return found[0].strip() + "\n"


def pack(target, files):
    """A ZIP of files, given as (path, name), without their dates."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
        for path, name in sorted(files, key=lambda file: file[1]):
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o644 << 16  # else whoever unpacks it may not read it
            packed.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)


def main():
    shutil.rmtree(TARGET, ignore_errors=True)
    TARGET.mkdir()
    (TARGET / "CHANGES.md").write_text(changes((ROOT / "CHANGELOG.md").read_text(encoding="utf-8")), encoding="utf-8")
    inside = [(ROOT / name, name) for name in LICENSES]
    inside += [(path, path.relative_to(BUILD).as_posix()) for folder in FOLDERS for path in (BUILD / folder).rglob("*")
               if path.is_file() and not path.name.startswith(".")]
    pack(TARGET / f"{NAME}-{__version__}.zip", [(path, f"{NAME}-{__version__}/{name}") for path, name in inside])
    for file in FILES:
        shutil.copyfile(BUILD / file, TARGET / f"{NAME}-{__version__}{file[file.rindex('.'):]}")
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(TARGET.iterdir())]
    (TARGET / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")
    print(f"The release's files are in {TARGET}")


if __name__ == "__main__":
    main()
