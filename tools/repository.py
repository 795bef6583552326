"""Write the address of the book's repository wherever it is needed: `make repository URL=https://github.com/you/fork`.

The address stands in one place, `[project.urls] Repository` in pyproject.toml. From there it goes into _config.yml
(source, edit, issue and Colab buttons; where GitHub Pages shows the book, for canonical links and the pictures of
shared pages) and into the first cell of every notebook, which installs `book_utils` in Colab. Until somebody who owns a
repository sets it, there are no buttons and that cell installs nothing.
"""

import re
import sys
import tomllib

from project import ROOT, chapters

CELL_ID = "colab"
ADDRESS = re.compile(r"https://github\.com/[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})/[A-Za-z0-9._-]{1,100}")

COLAB_CELL = '''\
# In Colab: install the book's own package, and show what pip has installed. Elsewhere: do nothing.
import importlib.util
import sys

if "google.colab" in sys.modules and importlib.util.find_spec("book_utils") is None:
    {action}'''
INSTALL = '!{{sys.executable}} -m pip install "book_utils @ git+{url}@main" | tail -n 1'
NOT_SET = 'raise ImportError("Set this book\'s address: run `make repository URL=https://github.com/YOU/FORK`.")'


def read_url(root=ROOT):
    """The repository's address, or None while no owner has set it."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    return project.get("urls", {}).get("Repository")


def colab_cell(url):
    """The source of a notebook's first cell."""
    return COLAB_CELL.format(action=INSTALL.format(url=url) if url else NOT_SET)


def ensure_colab_cell(notebook, url):
    """Make the Colab cell the first cell of `notebook`; one that is right already keeps what it has stored."""
    import nbformat  # takes a second, which a check that only needs the cell's source does not have

    old = [cell for cell in notebook.cells if cell.get("id") == CELL_ID]
    cell = old[0] if old else nbformat.v4.new_code_cell(id=CELL_ID)
    cell.source = colab_cell(url)
    cell.metadata["tags"] = ["remove-cell"]
    notebook.cells = [cell] + [other for other in notebook.cells if other.get("id") != CELL_ID]


def set_pyproject(text, url):
    """pyproject.toml with the address in [project.urls]."""
    line = f'Repository = "{url}"'
    if re.search(r"^Repository = ", text, flags=re.M):
        return re.sub(r'^Repository = "[^"]*"', line, text, flags=re.M)
    if re.search(r"^\[project\.urls\]$", text, flags=re.M):
        return re.sub(r"^\[project\.urls\]$", f"[project.urls]\n{line}", text, flags=re.M)
    return re.sub(r"(?=^\[project\.)", f"[project.urls]\n{line}\n\n", text, count=1, flags=re.M)


def set_yaml(text, section, key, value):
    """YAML text in which the top-level `section` says `key: value`; every other line, comments too, stays."""
    if not re.search(rf"^{section}:", text, flags=re.M):
        return f"{text.rstrip()}\n\n{section}:\n  {key}: {value}\n"
    block = re.search(rf"^{section}:[^\n]*\n(?:[ ]+[^\n]*\n|\n(?=[ ]))*", text, flags=re.M)[0]
    line = re.compile(rf"^  {key}:[^\n#]*?(?=[ ]*(?:#[^\n]*)?$)", flags=re.M)
    changed = line.sub(f"  {key}: {value}", block) if line.search(block) else f"{block}  {key}: {value}\n"
    return text.replace(block, changed)


def pages_url(url):
    """Where GitHub Pages shows the book; with a domain of your own, change `baseurl` in _config.yml."""
    owner, name = url.removeprefix("https://github.com/").split("/")
    host = f"{owner.lower()}.github.io"
    return f"https://{host}/" if name.lower() == host else f"https://{host}/{name}/"


def set_config(text, url):
    """_config.yml with the address, and what needs it."""
    for section, key, value in (
        ("repository", "url", url),
        ("repository", "branch", "main"),
        ("repository", "path_to_book", '""'),
        ("launch_buttons", "notebook_interface", "jupyterlab"),
        ("launch_buttons", "colab_url", "https://colab.research.google.com"),
        ("html", "use_repository_button", "true"),
        ("html", "use_edit_page_button", "true"),
        ("html", "use_issues_button", "true"),
        ("html", "baseurl", pages_url(url)),
    ):
        text = set_yaml(text, section, key, value)
    return text


def main(url, root=ROOT):
    url = url.strip().removesuffix("/").removesuffix(".git")
    if not ADDRESS.fullmatch(url):
        given = f"{url!r} is not the address of a GitHub repository" if url else "No address given"
        raise SystemExit(f"{given}: write `make repository URL=https://github.com/OWNER/NAME`.")
    import nbformat

    for name, change in (("pyproject.toml", set_pyproject), ("_config.yml", set_config)):
        path = root / name
        path.write_text(change(path.read_text(), url))
    for path in chapters(root):
        notebook = nbformat.read(path, as_version=4)
        ensure_colab_cell(notebook, url)
        nbformat.write(notebook, path)
    print(f"pyproject.toml, _config.yml and {len(chapters(root))} notebooks now say {url}: commit them.")


if __name__ == "__main__":
    main(*sys.argv[1:2] or [""])
