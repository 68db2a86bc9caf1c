"""What runs in a process of its own: tests, a server, a cell; and how it is started."""
