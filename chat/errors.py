class Refused(Exception):
    """What a person wants can't be done. Its text tells that person why, in a sentence."""
