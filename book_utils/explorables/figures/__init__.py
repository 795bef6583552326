"""One figure a name: `NAME.py` makes it, `NAME.mjs` moves it, and what both compute and say is tested equal."""
