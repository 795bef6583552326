"""Figures that move without a kernel."""
