PYTHON ?= python3
CHAPTER ?=
PORT ?= 8000
BIN := .venv/bin
# One process for each core, four at most (each may have a browser and a torch), and one thread in each.
WORKERS := -n logical --maxprocesses 4
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1

.PHONY: help book notebooks worksheet cards pdf epub archive test test-portability links lab execute serve repository clean python

help:           ## say what can be made
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 20

book: .venv/book ## build the HTML book; needs no torch
	@$(BIN)/jupyter-book build -W -n --keep-going --quiet .
	@echo "Open $(CURDIR)/_build/html/index.html"

notebooks: book ## plain copies of the chapters, for where MyST is not rendered: Colab, another JupyterLab
	@echo "The plain notebooks are in $(CURDIR)/_build/notebooks"

worksheet: book ## chapters without their solutions, for teachers: all, or CHAPTER=penalties/ridge
	@$(BIN)/python tools/worksheet.py $(CHAPTER)

cards: .venv/cards book ## an Anki deck of the chapters' questions and the glossary
	@$(BIN)/python tools/cards.py

pdf: .venv/print book ## print the book to one PDF; needs a Chromium
	@$(BIN)/python tools/pdf.py

epub: .venv/print ## make an EPUB of the book; needs a Chromium
	@rm -rf _build/epub
	@$(BIN)/jupyter-book build -W -n --keep-going --quiet --builder custom --custom-builder epub .
	@echo "Open $(CURDIR)/_build/epub/penalties-noise-and-doubt.epub"

archive: pdf epub cards worksheet ## everything above in files for a release, with their checksums
	@$(BIN)/python tools/archive.py

test: .venv/test ## run every check
	$(BIN)/ruff check .
	$(BIN)/codespell
	$(BIN)/python tools/check_notebooks.py
	$(MAKE) --no-print-directory book
	$(MAKE) --no-print-directory book # nothing to do: passes, too
	$(ONE_THREAD) $(BIN)/python -m pytest --doctest-modules $(WORKERS) --durations=15 book_utils tests
	$(BIN)/python tools/compare.py

test-portability: .venv/test ## compare all chapters under other thread counts and instruction sets
	$(BIN)/python tools/portability.py

links: book     ## ask every address outside of the book whether it still answers
	@$(BIN)/python tools/links.py

lab: .venv/test ## open the chapters in JupyterLab
	$(BIN)/jupyter lab chapters

execute: .venv/test ## run chapters in place: all, or CHAPTER=penalties/ridge
	$(BIN)/python tools/execute.py $(CHAPTER)

serve: book     ## serve the built book on PORT (8000)
	$(BIN)/python -m http.server --directory _build/html --bind 127.0.0.1 $(PORT)

repository: .venv/book ## write the address of your fork: URL=https://github.com/you/fork
	@$(BIN)/python tools/repository.py "$(URL)"

clean:          ## remove what was built and the environment
	rm -rf _build .venv

python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "This book needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.12"; exit 1; }
	@test -w . || { echo "Everything is set up and built inside this folder, which is read-only: copy it to where you may write."; exit 1; }

# The environments are one folder; `print` and `cards` add to what `book` installed, `test` to all. What a stopped set-up
# left half made is made anew: a folder without pip, and a package without RECORD, which pip writes last.
define ENVIRONMENT
@test -x $(BIN)/pip || $(PYTHON) -m venv --clear .venv
@for one in .venv/lib/*/site-packages/*.dist-info; do test -f "$$one/RECORD" || rm -rf "$$one"; done
endef

.venv/book .venv/print .venv/cards: .venv/%: pyproject.toml constraints.txt | python
	$(ENVIRONMENT)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[book,$*]'
	@touch .venv/book $@

.venv/test: pyproject.toml constraints.txt requirements.txt | python
	$(ENVIRONMENT)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch .venv/book .venv/print .venv/cards $@
