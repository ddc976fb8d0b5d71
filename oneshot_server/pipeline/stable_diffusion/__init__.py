"""Stable Diffusion 1.x and 2.x in the forms in which producers have them."""
