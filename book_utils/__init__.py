"""The code behind *Penalties, Noise, and Doubt*.

Each module holds what one part of the book teaches; chapters import from here what an earlier
chapter has already built in full view. Importing the package changes nothing and pulls in no torch.
"""

__version__ = "0.1.0"
