"""The directive ```` ```{chart} ````: a decision chart. Its text is a definition list under each of its starts.

    A network that errs on new rows

    Are labels wrong?
    : Stop early.

    None of these
    : Leave it as it is.

A term that asks is a question: its definition is where "yes" leads, the next term where "no" does. What a reader sees
as a chart is, without style, a list with the words "yes" and "no".
"""

from docutils import nodes
from sphinx.util.docutils import SphinxDirective


def way(word):
    return nodes.inline("", word, classes=["way"])


def step(item, last):
    """One question and its answer, or the answer that is left, as an item of the list."""
    term, answer = item.children
    asks = term.astext().endswith("?")
    found = nodes.list_item("", nodes.paragraph("", "", *term.children, classes=["asked"]))
    if asks:
        answer.children[0].insert(0, way("yes: "))
    found += nodes.container("", *answer.children, classes=["answer"])
    if not last:
        found += nodes.paragraph("", "", way("no"), classes=["no"])
    return found


class Chart(SphinxDirective):
    has_content = True

    def run(self):
        chart = nodes.container(classes=["chart"])
        self.state.nested_parse(self.content, self.content_offset, chart)
        for questions in list(chart.findall(nodes.definition_list)):
            items = questions.children
            if items[-1].children[0].astext().endswith("?"):
                raise self.error(f"After {items[-1].children[0].astext()!r} nothing says where 'no' leads.")
            steps = [step(item, item is items[-1]) for item in items]
            questions.replace_self(nodes.enumerated_list("", *steps, classes=["steps"]))
        return [chart]


def setup(app):
    app.add_directive("chart", Chart)
    return {"parallel_read_safe": True}
