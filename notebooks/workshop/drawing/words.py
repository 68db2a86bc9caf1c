"""How lines of text are broken."""

# In a <pre>, JupyterLab breaks a line that is too long wherever it ends, in the middle of a word. This is a better way:
# at a space, and only a word that is longer than a line is broken.
WHOLE_WORDS = "white-space: pre-wrap; word-break: normal; overflow-wrap: anywhere"
