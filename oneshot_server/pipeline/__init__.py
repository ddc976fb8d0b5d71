"""Load models; prompt to latents to mel to waveform. Knows no protocol."""
