"""What a release has: all of it, packed so that links hold, the same each time, with checksums that see a change."""

import os
import subprocess
import zipfile

import archive
import pytest
from conftest import ROOT

from book_utils import __version__

PREFIX = f"{archive.NAME}-{__version__}"
BUILT = {"html/index.html": "a book", "html/.buildinfo": "of Sphinx", "html/chapters/penalties/ridge.html": "a page",
         "notebooks/chapters/penalties/ridge.ipynb": "{}", "worksheets/ridge.ipynb": "{}"}


@pytest.fixture
def release(tmp_path, monkeypatch):
    for name, text in [*BUILT.items(), *((file, file) for file in archive.FILES)]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(archive, "BUILD", tmp_path)
    monkeypatch.setattr(archive, "TARGET", tmp_path / "archive")
    archive.main()
    return tmp_path / "archive"


def test_all_is_there_and_a_change_is_seen(release):
    files = {f"{PREFIX}.{kind}" for kind in ("zip", "pdf", "epub", "apkg")} | {"CHANGES.md"}
    assert {path.name for path in release.iterdir()} == files | {"SHA256SUMS"}
    assert {line.split("  ")[1] for line in (release / "SHA256SUMS").read_text().splitlines()} == files
    check = ["sha256sum", "--check", "--quiet", "SHA256SUMS"]
    assert subprocess.run(check, cwd=release).returncode == 0
    (release / f"{PREFIX}.pdf").write_text("another")
    assert subprocess.run(check, cwd=release, capture_output=True).returncode == 1


def test_the_zip_has_what_was_built_and_unpacks(release, tmp_path):
    with zipfile.ZipFile(release / f"{PREFIX}.zip") as packed:
        assert {name.removeprefix(f"{PREFIX}/") for name in packed.namelist()} == (
            BUILT.keys() - {"html/.buildinfo"} | {"LICENSE", "LICENSE-TEXT"})
        assert packed.read(f"{PREFIX}/LICENSE") == (ROOT / "LICENSE").read_bytes()
        assert {entry.external_attr >> 16 for entry in packed.infolist()} == {0o644}
    before = (release / f"{PREFIX}.zip").read_bytes()
    os.utime(tmp_path / "html/index.html", (1e9, 1e9))
    archive.main()
    assert (release / f"{PREFIX}.zip").read_bytes() == before


def test_a_release_says_what_changed(release):
    said = (release / "CHANGES.md").read_text()
    assert said.startswith(f"## {__version__} (") and "\n## " not in said and said.strip() in (
        ROOT / "CHANGELOG.md").read_text()
    older = f"# Changes\n\n## {__version__} (2026-01-01)\n\n- New.\n\n## 0.0.9 (2025-01-01)\n\n- Old.\n"
    assert archive.changes(older) == f"## {__version__} (2026-01-01)\n\n- New.\n"
    with pytest.raises(SystemExit, match=f"no heading for version {__version__}"):
        archive.changes(f"## {__version__}1 (2026-01-01)\n\n- Other.\n")
