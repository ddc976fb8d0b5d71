"""By what the embedded model is judged: ``python -m benchmarks.quality``."""
