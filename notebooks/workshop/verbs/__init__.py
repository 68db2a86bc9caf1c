"""What a student calls."""
