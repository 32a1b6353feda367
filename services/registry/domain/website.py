"""What Safari is given of a website: the icons that Apple asks for."""

# Apple's names, and how many pixels wide and high the images of ours are.
ICONS = {
    "icon_16x16": 16,
    "icon_16x16@2x": 32,
    "icon_32x32": 32,
    "icon_32x32@2x": 64,
    "icon_128x128": 128,
    "icon_128x128@2x": 256,
}
PNG = b"\x89PNG\r\n\x1a\n"


def is_png(content: bytes) -> bool:
    """Whether it begins as a PNG image does: its mark, then its header."""
    return content.startswith(PNG) and content[12:16] == b"IHDR"
