"""Figures that move without a kernel.

Each function returns an object that a notebook or the book shows as a figure with controls. Its numbers
come from Python (`figures/<name>.py`); moving it recomputes them in the page (`figures/<name>.mjs`), and the tests
hold both equal. `Explorable` builds one; `recorded` looks up what a chapter has computed for each setting; `quiz` asks
questions, `predict` asks before a result is seen; `lab` is for what needs a live kernel.
"""

from book_utils.explorables._element import Explorable
from book_utils.explorables._lab import lab
from book_utils.explorables._quiz import estimate, predict, question, quiz
from book_utils.explorables.figures.adaptive_ridge import adaptive_ridge
from book_utils.explorables.figures.batch_mates import batch_mates
from book_utils.explorables.figures.collinear import collinear
from book_utils.explorables.figures.cover import cover
from book_utils.explorables.figures.feature_masks import feature_masks
from book_utils.explorables.figures.jensen import jensen
from book_utils.explorables.figures.mc_curves import mc_curves
from book_utils.explorables.figures.neuron import neuron
from book_utils.explorables.figures.norm_axes import norm_axes
from book_utils.explorables.figures.posterior_steps import posterior_steps
from book_utils.explorables.figures.qball import qball
from book_utils.explorables.figures.recorded import recorded
from book_utils.explorables.figures.referral import referral
from book_utils.explorables.figures.shrinkage import shrinkage
from book_utils.explorables.figures.spread_n import spread_n
from book_utils.explorables.figures.temperature import temperature
from book_utils.explorables.figures.train_circles import train_circles
from book_utils.explorables.figures.variance_shift import variance_shift
from book_utils.explorables.figures.votes import votes

__all__ = ["Explorable", "adaptive_ridge", "batch_mates", "collinear", "cover", "estimate", "feature_masks", "jensen",
           "lab", "mc_curves", "neuron", "norm_axes", "posterior_steps", "predict", "qball", "question", "quiz",
           "recorded", "referral", "shrinkage", "spread_n", "temperature", "train_circles", "variance_shift", "votes"]
