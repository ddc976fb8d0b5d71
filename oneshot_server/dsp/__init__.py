"""Pure functions on torch tensors: waveform to mel and back, prepare, finish, find defects."""
