class Refused(Exception):
    """Raised when somebody asks for what can't be done, or can't be done for everyone. str(error) says why."""
