"""Start what runs in a process of its own: tests, a server, a cell."""
