"""The engine process, its supervisor and the messages between them."""
