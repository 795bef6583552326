"""Figures that move without a kernel.

Each function returns an object that a notebook or the book shows as a figure with controls. Its numbers
come from Python (`_<name>.py`); moving it recomputes them in the page (`<name>.mjs`), and the tests hold
both equal. `Explorable` builds one; `quiz` asks questions; `lab` is for what needs a live kernel.
"""

from book_utils.explorables._batch_mates import batch_mates
from book_utils.explorables._collinear import collinear
from book_utils.explorables._cover import cover
from book_utils.explorables._element import Explorable
from book_utils.explorables._jensen import jensen
from book_utils.explorables._lab import lab
from book_utils.explorables._mc_curves import mc_curves
from book_utils.explorables._neuron import neuron
from book_utils.explorables._norm_axes import norm_axes
from book_utils.explorables._qball import qball
from book_utils.explorables._quiz import question, quiz
from book_utils.explorables._shrinkage import shrinkage
from book_utils.explorables._train_circles import train_circles

__all__ = ["Explorable", "batch_mates", "collinear", "cover", "jensen", "lab", "mc_curves", "neuron", "norm_axes",
           "qball", "question", "quiz", "shrinkage", "train_circles"]
