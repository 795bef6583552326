"""The weekly look at addresses outside of the book: which it asks, and what counts as an answer."""

import http.server
import threading

import links
import pytest

from book_utils.data import PINNED, UCI


class Server(http.server.BaseHTTPRequestHandler):
    asked = []

    def do_GET(self):
        self.asked.append(self.path)
        code = int(self.path.strip("/").split("/")[0])
        if self.path == "/500/once" and self.asked.count(self.path) > 1:
            code = 200
        self.send_response(code)
        if code == 302:
            self.send_header("Location", "/404/moved")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.mark.parametrize("path, said", [("/200", None), ("/404", "404 Not Found"), ("/410", "410 Gone"),
                                        ("/403", None), ("/429", None), ("/500", "500 Internal Server Error"),
                                        ("/500/once", None), ("/302", "404 Not Found")])
def test_what_counts_as_an_answer(server, path, said):
    assert links.trouble(server + path) == said


def test_where_nobody_listens_there_is_trouble():
    assert links.trouble("http://127.0.0.1:9/") == "ConnectionError"


def test_it_asks_what_pages_lead_to_and_where_data_come_from(tmp_path):
    (tmp_path / "a.html").write_text('<a class="x" href="https://a.example/b?c=1&amp;d=2#e">f</a> https://not.example '
                                     '<link rel="canonical" href="https://b.example/"><a href="g.html#h">i</a>'
                                     '<meta property="og:image" content="https://c.example/p.png" />')
    (tmp_path / "b.html").write_text('<a href="https://b.example/">again</a>')
    found = links.addresses(tmp_path)
    data = {address: place for address, place in found.items() if place == "book_utils/data.py"}
    assert {a: p for a, p in found.items() if a not in data} == {
        "https://a.example/b?c=1&d=2": "a.html", "https://b.example/": "a.html", "https://c.example/p.png": "a.html"}
    assert any(address.endswith("co2.csv") for address in data)
    assert len(data) == len([name for name in PINNED if "/" not in name]) + len(UCI)


def test_it_fails_and_says_which(monkeypatch, capsys):
    monkeypatch.setattr(links, "addresses", lambda: {"https://a.example": "x.html", "https://b.example": "y.html"})
    monkeypatch.setattr(links, "trouble", {"https://a.example": None, "https://b.example": "404 Gone"}.get)
    assert links.main() == 1
    said = capsys.readouterr()
    assert (said.out, said.err) == ("- https://b.example (404 Gone), in y.html\n", "1 of 2 addresses answer.\n")
    monkeypatch.setattr(links, "trouble", lambda address: None)
    assert links.main() == 0
