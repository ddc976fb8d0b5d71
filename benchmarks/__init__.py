"""Figures that the README quotes, one program each."""
