"""Figures that move, where notebooks are read: a real JupyterLab, and a sandboxed frame such as Colab's outputs have.

In all of them the network is cut: what a page asks of any other host is refused and recorded.
"""

import html
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request

import nbformat
import pytest
from conftest import ROOT
from playwright.sync_api import expect

from book_utils.explorables import _quiz, collinear, estimate, predict, question, quiz

COLLINEAR = collinear()
TAG = re.match(r"<([\w-]+)", COLLINEAR.html)[1]
ASKED = question("Is it?", ("Yes", True, "It is."), ("No", False, "It is not so."))
ASKS = [predict("one-number", estimate("How many?", 20, within=0.5, because="Counted.")), predict("one-choice", ASKED),
        quiz(ASKED)]
LAB = """\
import matplotlib.pyplot as plt
from book_utils.explorables import lab

def line(slope):
    figure, ax = plt.subplots(figsize=(3, 2))
    ax.plot([0, 1], [0, slope])
    return figure

lab(line, slope=(0, 10, 1, 3))"""
SETTINGS = '{"fetchNews": "false", "checkForUpdates": false}'
EXECUTE = "import pathlib, sys, execute; sys.exit(execute.run(pathlib.Path(sys.argv[1])))"
MOVABLE = f"""() => {{
  const found = document.querySelector("{TAG}");
  return Boolean(found && found.shadowRoot && found.shadowRoot.querySelector("input[type=range]"));
}}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with an executed notebook, once to be trusted and twice not; JupyterLab's own folders go beside it."""
    folder = tmp_path_factory.mktemp("jupyterlab")
    sources = ["from book_utils.explorables import collinear\n\ncollinear()", LAB]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    (folder / "work").mkdir()
    path = folder / "work" / "trusted.ipynb"
    nbformat.write(notebook, path)
    command = [sys.executable, "-c", EXECUTE, path]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT / "tools")
    assert done.returncode == 0, done.stderr
    # Other notebooks, which nobody signed; their numbers are none that a new kernel gives.
    other = nbformat.read(path, as_version=4)
    for number, cell in enumerate(other.cells, 41):
        cell.execution_count = number
    for name in ("untrusted", "rerun"):
        nbformat.write(other, path.with_name(f"{name}.ipynb"))
    # A long one, of whose questions only the first brings the script.
    _quiz.Questions.carrier, cells = None, []
    for box in ASKS:
        shown = nbformat.v4.new_output("display_data", box._repr_mimebundle_())
        cells.append(nbformat.v4.new_code_cell("box", outputs=[shown], execution_count=1))
        cells += [nbformat.v4.new_code_cell("\n".join(f"x = {k}" for k in range(30))) for _ in range(10)]
    other.cells = cells
    nbformat.write(other, path.with_name("asks.ipynb"))
    return folder


@pytest.fixture(scope="module")
def server(folder):
    """The address of a JupyterLab that knows nothing of its user's settings and asks nothing of the network."""
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR",
             "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR")
    environment = os.environ | {name: str(folder / name.lower()) for name in names}
    news = folder / "jupyterlab_settings_dir" / "@jupyterlab" / "apputils-extension"
    news.mkdir(parents=True)
    (news / "notification.jupyterlab-settings").write_text(SETTINGS)
    signed = [folder / "work" / f"{name}.ipynb" for name in ("trusted", "asks")]
    trust = [sys.executable, "-m", "jupyter", "trust", *signed]
    subprocess.run(trust, env=environment, check=True, capture_output=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {"ServerApp.ip": "127.0.0.1", "ServerApp.port": port, "ServerApp.port_retries": 0,
               "IdentityProvider.token": "", "ServerApp.password": "", "ServerApp.root_dir": folder / "work",
               "ServerApp.open_browser": False, "LabApp.extension_manager": "readonly", "LabApp.news_url": "",
               "LabApp.check_for_updates_class": "jupyterlab.handlers.announcements.NeverCheckForUpdate"}
    command = [sys.executable, "-m", "jupyterlab", "--allow-root", *(f"--{k}={v}" for k, v in options.items())]
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(1200):  # a loaded machine takes minutes
            assert process.poll() is None, (folder / "server.log").read_text()
            try:
                urllib.request.urlopen(f"{address}/api", timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        else:
            pytest.fail(f"JupyterLab does not answer: {(folder / 'server.log').read_text()}")
        yield address
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:  # its kernels end by themselves when it is gone
            process.kill()
            process.wait()


def new_page(browser):
    """A page without a network, and the list of the foreign addresses that it has asked for."""
    page, foreign = browser.new_page(), []

    def refuse(route):
        foreign.append(route.request.url)
        route.abort()

    # A pattern is matched in the browser's driver; a function would have every request wait for Python.
    page.route(re.compile(r"^(?!https?://127\.0\.0\.1[:/]|data:|blob:)"), refuse)
    return page, foreign


@pytest.fixture
def open_lab(browser, server):
    """Open a notebook; afterwards, no foreign host was asked."""
    opened = []

    def open_notebook(name):
        page, foreign = new_page(browser)
        opened.append((page, foreign))
        page.goto(f"{server}/lab/tree/{name}.ipynb?reset")
        page.locator(".jp-NotebookPanel .jp-OutputArea-output").first.wait_for(timeout=60_000)
        return page

    yield open_notebook
    for page, foreign in opened:
        page.close()
        assert foreign == []


def run_all(page, cells):
    """Run All Cells, and wait until the last one has the number that a new kernel gives it."""
    expect(page.locator(".jp-Toolbar-kernelName")).to_have_text(re.compile("Python 3"), timeout=60_000)
    expect(page.locator(".jp-Notebook-ExecutionIndicator")).to_have_attribute("data-status", "idle", timeout=60_000)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    expect(page.locator(".jp-InputPrompt", has_text=f"[{cells}]:")).to_have_count(1, timeout=60_000)


def assert_moves(scope, nth=0):
    """An arrow key on the first slider of the figure changes its sentence (and moves nothing else in JupyterLab)."""
    figure = scope.locator(TAG).nth(nth)
    sentence = figure.locator("[aria-live]")
    before = sentence.text_content()
    assert "cond(X)" in before
    figure.locator("input[type=range]").first.press("ArrowRight")
    expect(sentence).not_to_have_text(before)


def test_trusted_before_any_run_the_figure_moves(open_lab):
    page = open_lab("trusted")
    page.wait_for_function(MOVABLE)
    assert_moves(page)
    picture = page.locator(".jp-OutputArea-output").last.locator("img")
    assert picture.evaluate("image => image.naturalWidth") > 100, "lab shows no default picture"


def test_a_prediction_is_typed_and_kept_in_the_labs_own_store(open_lab):
    """Digits are no commands of JupyterLab's; a box far below, which brings no script, works as well."""
    page = open_lab("asks")
    box = page.locator("#predict-one-number")
    box.get_by_label("your number").click()
    page.keyboard.type("25")
    box.get_by_label("90 %").check()
    box.get_by_role("button", name="See").press("Enter")
    expect(box.locator(".verdict")).to_contain_text("Right. Counted.")
    expect(page.locator(".jp-CodeCell")).to_have_count(33)  # none became Markdown, none was deleted
    page.locator(".jp-WindowedPanel-outer").first.evaluate("one => one.scrollTo(0, one.scrollHeight)")
    page.locator("[state]").last.scroll_into_view_if_needed()
    page.locator("[state]").last.get_by_label("No").check()
    expect(page.locator("[state]").last.locator(".because")).to_contain_text("It is not so.")
    page.reload()
    expect(page.locator("#predict-one-number .verdict")).to_contain_text("Right. Counted.", timeout=60_000)


def test_untrusted_no_script_runs_and_the_picture_is_there(open_lab):
    page = open_lab("untrusted")
    picture = page.get_by_role("img", name=COLLINEAR.alt)
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.naturalWidth") > 100
    assert not page.evaluate(MOVABLE)
    assert not page.evaluate(f"() => Boolean(customElements.get('{TAG}'))")


def test_after_a_run_the_figure_moves_and_the_lab_redraws(open_lab):
    page = open_lab("rerun")
    run_all(page, cells=3)
    page.wait_for_function(MOVABLE)
    assert_moves(page)
    cell = page.locator(".jp-CodeCell").last
    picture, handle = cell.locator("img").last, cell.locator("[role=slider]").first
    expect(picture).to_be_visible(timeout=20_000)
    before = picture.get_attribute("src")
    handle.press("ArrowRight")
    expect(picture).not_to_have_attribute("src", before, timeout=20_000)


INSERT = {
    # How Colab shows an output: set as text, then each script again as a new element.
    "as a new element": """script => {
        const range = document.createRange();
        script.replaceWith(range.createContextualFragment(script.outerHTML));
    }""",
    # And without any element of its own: document.currentScript is null.
    "detached": """script => {
        if (document.currentScript !== null) throw new Error("there is a current script");
        (0, eval)(script.textContent);
    }""",
}
SHOW = """([text, run]) => {
    const output = document.createElement("div");
    output.innerHTML = text;
    document.body.append(output);
    output.querySelectorAll("script").forEach((0, eval)(run));
}"""


@pytest.mark.parametrize("way", INSERT)
def test_in_a_sandboxed_frame_every_copy_moves_by_itself(browser, way):
    page, foreign = new_page(browser)
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.set_content(f'<iframe sandbox="allow-scripts" srcdoc="{html.escape("<!doctype html><body>")}" '
                     'style="width: 700px; height: 900px"></iframe>')
    page.frame_locator("iframe").locator("body").wait_for(state="attached")
    frame = page.frames[1]
    for text in (COLLINEAR.html, COLLINEAR.html, *(box.html for box in ASKS)):
        frame.evaluate(SHOW, [text, INSERT[way]])
    assert frame.evaluate("() => window.origin") == "null", "the frame is no sandbox"
    second = frame.locator(TAG).nth(1).locator("[aria-live]")
    before = second.text_content()
    assert_moves(frame, 0)
    assert second.text_content() == before
    assert_moves(frame, 1)
    frame.get_by_label("No").last.check()
    expect(frame.locator("[aria-live]").last).to_contain_text("It is not so.")
    frame.get_by_label("your number").fill("11")
    frame.get_by_label("50 %").first.check()
    frame.get_by_role("button", name="See").first.click()
    expect(frame.locator("#predict-one-number .verdict")).to_contain_text("This browser keeps nothing here")
    assert foreign == [] and errors == []
    page.close()
