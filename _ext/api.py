"""The directive `.. api:: NAME`: what the module `book_utils.NAME` offers, from its docstrings; and links to it.

The source is read, never imported, so that building needs no torch. Code in a text that names something public, such
as `linear.ridge(X, y, lam)`, leads to its entry; within the entries a bare name does.
"""

import ast
import json
import re
import zlib
from importlib.util import find_spec
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx import addnodes
from sphinx.ext.napoleon import Config, NumpyDocstring
from sphinx.util.docutils import SphinxDirective

PACKAGE = "book_utils"
# Types as words: otherwise napoleon makes a link of each of them.
NAPOLEON = Config(napoleon_use_param=False, napoleon_use_rtype=False,
                  napoleon_custom_sections=[("Attributes", "params_style")])


def source_of(module):
    """The file of a module, `book_utils.linear`, or None."""
    base = Path(find_spec(PACKAGE).submodule_search_locations[0], *module.split(".")[1:])
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.exists()), None)


def modules():
    """The names of all public modules, without the package's."""
    folder = source_of(PACKAGE).parent
    found = [path for path in folder.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()]
    return sorted(path.stem for path in found if not path.name.startswith("_"))


def public(module):
    """{name: node} of what a module offers, in its order, or in that of `__all__` where there is one.

    That is functions and classes without a leading underscore, and constants with a docstring beneath them.
    """
    tree = ast.parse(source_of(module).read_text(encoding="utf-8"))
    found, listed = {}, None
    for node, after in zip(tree.body, [*tree.body[1:], None], strict=True):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.name] = node
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{PACKAGE}."):
            found |= {alias.name: node for alias in node.names}
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            if name == "__all__":
                listed = ast.literal_eval(node.value)
            elif isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                found[name] = after
    if listed is None:
        return {name: node for name, node in found.items()
                if not name.startswith("_") and not isinstance(node, ast.ImportFrom)}
    return {name: public(found[name].module)[name] if isinstance(found[name], ast.ImportFrom) else found[name]
            for name in listed}


def arguments(function, skip=0):
    """A function's signature without annotations, `(x, p, *, rng)`."""
    given = function.args
    given.posonlyargs, given.args = [], [*given.posonlyargs, *given.args][skip:]
    for arg in (*given.args, *given.kwonlyargs, given.vararg, given.kwarg):
        if arg:
            arg.annotation = None
    return f"({ast.unparse(given)})"


def members(node):
    """{name: node} of a class's own public methods and properties that say what they do, and of `__init__`."""
    return {one.name: one for one in node.body if isinstance(one, ast.FunctionDef)
            and (one.name == "__init__" or not one.name.startswith("_") and ast.get_docstring(one))}


def decorators(node):
    return {ast.unparse(one) for one in node.decorator_list}


def described(name, node, module):
    """The entry of one thing: lines of reStructuredText."""
    inside = []
    if isinstance(node, ast.FunctionDef):
        kind, signature, text = "function", arguments(node), ast.get_docstring(node)
    elif isinstance(node, ast.ClassDef):
        kind, signature, text = "class", "", ast.get_docstring(node)
        for inner, member in members(node).items():
            if inner == "__init__":
                signature = arguments(member, skip=1)
            elif "property" in decorators(member):
                inside += directive("property", inner, ast.get_docstring(member))
            else:
                inside += directive("method", inner + arguments(member, skip=1), ast.get_docstring(member))
        if not signature:  # a named tuple or a dataclass: its fields
            fields = [one.target.id for one in node.body if isinstance(one, ast.AnnAssign)]
            signature = f"({', '.join(fields)})" if fields else ""
    else:
        kind, signature, text = "data", "", node.value.value
    return directive(kind, name + signature, text, inside, module=module)


def directive(kind, signature, text, inside=(), module=None):
    body = str(NumpyDocstring(text or "", NAPOLEON, what=kind)).splitlines()
    body = [re.sub(r"(\*\*[^*]+\*\*) \((\*[^*]+\*)\)", r"\1 \2", line) for line in body]  # a type is told by its look
    options = [f"   :module: {module}"] if module else []
    return [f".. py:{kind}:: {signature}", *options, "", *(f"   {line}" for line in [*body, "", *inside]), ""]


def uses(root, pages):
    """{(module, name): [pages]}: the chapters whose code uses a thing of the package, in their order."""
    found = {}
    for page in pages:
        cells = json.loads((Path(root) / f"{page}.ipynb").read_text(encoding="utf-8"))["cells"]
        code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
        for module, names in re.findall(rf"from {PACKAGE}\.(\w+) import (\([^)]*\)|[^\n#]*)", code):
            for name in re.findall(r"\w+", re.sub(r" as \w+", "", names)):
                found.setdefault((module, name), {})[page] = True
        for module, alias in re.findall(rf"from {PACKAGE} import (\w+)(?: as (\w+))?", code):
            for name in re.findall(rf"\b{alias or module}\.(\w+)", code):
                found.setdefault((module, name), {})[page] = True
    return found


class Api(SphinxDirective):
    required_arguments = 1

    def run(self):
        name, module = self.arguments[0], f"{PACKAGE}.{self.arguments[0]}"
        if source_of(module) is None:
            raise self.error(f"There is no module {module}.")
        for path in source_of(PACKAGE).parent.rglob("*.py"):
            self.env.note_dependency(str(path))
        chapters = self.env.app.chapters
        for page in chapters:
            self.env.note_dependency(str(self.env.doc2path(page)))
        users = uses(self.env.srcdir, chapters)
        about = ast.get_docstring(ast.parse(source_of(module).read_text(encoding="utf-8")))
        things = public(module)
        entries = []
        for thing, node in things.items():
            entries += described(thing, node, module)
            if pages := users.get((name, thing)):
                links = ", ".join(f":doc:`{chapters[page].topic} </{page}>`" for page in pages)
                entries += [f"   :Used in: {'every chapter' if len(pages) == len(chapters) else links}", ""]
        names = nodes.paragraph(classes=["names"])
        for thing in things:
            names += [link(f"{module}.{thing}", nodes.literal(thing, thing)), nodes.Text(" ")]
        return [*self.parsed([f".. py:module:: {module}", "", *about.splitlines()]), names, *self.parsed(entries)]

    def parsed(self, lines):
        box = nodes.container()
        self.state.nested_parse(StringList(lines, source=f"{PACKAGE}.{self.arguments[0]}"), self.content_offset, box)
        return box.children


def link(target, text):
    """A link to an entry, checked like any other."""
    return addnodes.pending_xref("", text, refdomain="py", reftype="obj", reftarget=target, refexplicit=True)


def name_modules(app, doctree):
    """Show `linear.ridge`, as the book's texts do, instead of `book_utils.linear.ridge`."""
    for prefix in doctree.findall(addnodes.desc_addname):
        if prefix.astext().startswith(f"{PACKAGE}."):
            prefix[:] = [nodes.Text(prefix.astext().removeprefix(f"{PACKAGE}."))]


def link_code(app, doctree):
    """Lead from code in a text to the entry of what it names."""
    known = app.api_names
    for entry in list(doctree.findall(nodes.title_reference)):  # single backticks in a docstring
        words = " ".join(entry.rawsource.strip("`").split())  # its text has got typographic quotes
        entry.replace_self(nodes.literal(entry.rawsource, words))
    for code in list(doctree.findall(nodes.literal)):
        if isinstance(code.parent, nodes.reference | addnodes.pending_xref | nodes.title):
            continue
        words = re.match(rf"(?:{PACKAGE}\.)?([A-Za-z]\w*)(?:\.([A-Za-z]\w*))?", code.astext())
        if not words:
            continue
        module, name = words.groups()
        entry = enclosing_entry(code)
        if name is None and entry:
            module, name = next(((where, module) for where in (entry.split(".")[1], *known)
                                 if module in known.get(where, ())), (module, None))
        if name in known.get(module, ()) and f"{PACKAGE}.{module}.{name}" != entry:
            target = f"{PACKAGE}.{module}.{name}"
        elif name is None and module in known and code.astext() == f"{PACKAGE}.{module}":
            target = f"{PACKAGE}.{module}"
        else:
            continue
        code.replace_self(link(target, code.deepcopy()))


def enclosing_entry(node):
    """The full name of the outermost entry that a node stands in, or None."""
    found = None
    while node := node.parent:
        if isinstance(node, addnodes.desc) and isinstance(node[0], addnodes.desc_signature):
            found = node[0].get("ids", [None])[0] or found
    return found


def setup(app):
    app.setup_extension("sphinx.domains.python")
    app.add_directive("api", Api)
    app.api_names = {name: set(public(f"{PACKAGE}.{name}")) for name in modules()}
    app.connect("doctree-read", name_modules)
    app.connect("doctree-read", link_code)
    # Changing this file rebuilds every page.
    return {"parallel_read_safe": True, "env_version": zlib.crc32(Path(__file__).read_bytes())}
