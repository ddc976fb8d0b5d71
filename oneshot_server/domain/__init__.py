"""Requests, jobs, events, recipes: what the product talks about. No torch, no I/O."""
