"""Without torch its modules say what to install, and the others do without."""

import subprocess
import sys

import pytest


def imported(module):
    """What Python says that finds no torch."""
    code = f"import sys; sys.modules['torch'] = None; import book_utils.{module}"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


@pytest.mark.parametrize("module", ["mc_dropout", "normalization", "penalties", "training"])
def test_what_to_install_is_said_in_one_sentence(module):
    assert imported(module).stderr.splitlines()[-1].startswith(
        "ModuleNotFoundError: This part of book_utils needs torch: pip install 'book_utils[torch]', or")


@pytest.mark.parametrize("module", ["data", "dropout", "exercises", "linear", "plots", "style", "uncertainty"])
def test_the_others_do_without(module):
    assert imported(module).stderr == ""
