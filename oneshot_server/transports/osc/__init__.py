"""OSC: one table of addresses, pure parsing and encoding, and a socket around them."""
