class Refused(Exception):
    """Raised where somebody asks for what can't be done, or not for everyone. str(error) tells them why."""
