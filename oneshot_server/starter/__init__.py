"""The embedded default model and the recipe that trains it."""
