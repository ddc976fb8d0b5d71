"""The queue, its journal and the events of a job. No torch."""
