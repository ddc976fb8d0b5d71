"""A folder of sounds becomes a LoRA, in a process of its own."""
