"""The Max for Live devices, built from ``src`` into ``.amxd`` files; no part of the package."""
