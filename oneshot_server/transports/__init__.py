"""OSC today: parsing apart from sockets. No torch."""
