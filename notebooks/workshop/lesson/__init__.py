"""The files that each stage leaves, and the classic mistakes that can be made in them."""
