"""The QR code with which a class joins."""

ROOM = "lobby"  # to which the code leads: nobody has to type on a phone


def make_qr(chat):
    """Return the QR code, as segno makes it, of the room's page in the chat at this address."""
    import segno  # here, since every check would have to wait for it

    return segno.make(f"{chat}chat/{ROOM}/", error="m", micro=False)


def as_svg(code):
    """Return a QR code as SVG: black on white, whatever is around it."""
    return code.svg_inline(dark="black", light="white", border=2, omitsize=True)
