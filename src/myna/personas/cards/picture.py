"""Pictures from strangers, drawn anew: what comes out was written by us, pixel by pixel."""

import io
import re
import struct
import zlib

from PIL import Image

from myna.core.errors import BadCard
from myna.personas.cards.limits import MOST_PIXELS
from myna.personas.cards.png import SIGNATURE, read_png

AVATAR_PIXELS = 512
"""The longer side of an avatar."""

_FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
_NOTHING = re.compile(r"(?!)")
_FAULTS = (
    OSError,
    SyntaxError,  # what Pillow raises for a broken PNG
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    OverflowError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


def redraw(data: bytes, what: str, *, longest_side: int | None = None) -> bytes:
    """A PNG file of the first picture in ``data``, without anything but its pixels; smaller if it has to be.

    Raises:
        BadCard: It is no picture, a damaged one, or one of too many pixels.
    """
    if data.startswith(SIGNATURE):
        data = read_png(data, _NOTHING, what).picture
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as picture:
            width, height = picture.size
            if width * height > MOST_PIXELS:
                raise BadCard(
                    f"The picture of {what} has {width} × {height} pixels, and at most {MOST_PIXELS} in all are read.",
                    hint="Make it smaller.",
                )
            drawn = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
        if longest_side is not None:
            drawn.thumbnail((longest_side, longest_side))
        drawn.info.clear()
        out = io.BytesIO()
        drawn.save(out, "PNG")
    except _FAULTS as error:
        raise BadCard(
            f"The picture of {what} cannot be read: {str(error)[:120]}.",
            hint="It has to be a whole PNG, JPEG, WebP or GIF of at most 16 million pixels.",
        ) from error
    return out.getvalue()


def blank(name: str) -> bytes:
    """A PNG file in one colour, which depends on ``name``: for a card without a picture."""
    hue = zlib.crc32(name.encode(errors="replace")) % 360
    out = io.BytesIO()
    Image.new("RGB", (400, 600), f"hsl({hue}, 45%, 60%)").save(out, "PNG")
    return out.getvalue()
