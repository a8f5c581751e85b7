"""Generated comic panels: a sky, hills, a figure and a speech bubble, in a few dozen kinds."""

from __future__ import annotations

from io import BytesIO

from PIL import Image, ImageDraw

from .chance import Draw, draws, pick

KINDS = 40
# Width and height in pixels: pages, strips, squares.
SIZES = [(800, 1200), (1200, 800), (900, 900), (640, 960), (1280, 720), (600, 1400)]

Colour = tuple[int, int, int]


def picture(seed: int, kind: int) -> bytes:
    """Return the bytes of one picture: PNG or JPEG by turns."""
    draw = draws(seed, "picture", kind)
    width, height = size = SIZES[kind % len(SIZES)]
    image = _sky(draw, size)
    pen = ImageDraw.Draw(image)
    for depth in range(3):
        _hill(pen, draw, width, int(height * (0.55 + 0.13 * depth)), height)
    _sun(pen, draw, width, height)
    _figure(pen, draw, width, height)
    _bubble(pen, draw, width, height)
    pen.rectangle((0, 0, width - 1, height - 1), outline=(20, 20, 20), width=8)
    out = BytesIO()
    if kind % 2:
        image.save(out, "JPEG", quality=82)
    else:
        image.save(out, "PNG")
    return out.getvalue()


def _colour(draw: Draw, darkest: int, lightest: int) -> Colour:
    span = lightest - darkest
    return (
        darkest + int(draw() * span),
        darkest + int(draw() * span),
        darkest + int(draw() * span),
    )


def _sky(draw: Draw, size: tuple[int, int]) -> Image.Image:
    above, below = _colour(draw, 40, 160), _colour(draw, 150, 250)
    shade = Image.linear_gradient("L").resize(size)
    return Image.composite(Image.new("RGB", size, below), Image.new("RGB", size, above), shade)


def _hill(pen: ImageDraw.ImageDraw, draw: Draw, width: int, top: int, bottom: int) -> None:
    steps = 6
    ridge = [
        (width * step // steps, top + int((draw() - 0.5) * 0.2 * bottom))
        for step in range(steps + 1)
    ]
    pen.polygon([*ridge, (width, bottom), (0, bottom)], fill=_colour(draw, 30, 150))


def _sun(pen: ImageDraw.ImageDraw, draw: Draw, width: int, height: int) -> None:
    radius = int(width * (0.05 + 0.06 * draw()))
    x, y = int(width * (0.1 + 0.8 * draw())), int(height * (0.08 + 0.2 * draw()))
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=_colour(draw, 200, 255))


def _figure(pen: ImageDraw.ImageDraw, draw: Draw, width: int, height: int) -> None:
    x, feet = int(width * (0.2 + 0.6 * draw())), int(height * 0.92)
    tall = int(height * (0.25 + 0.2 * draw()))
    head = tall // 6
    line = max(4, width // 120)
    pen.polygon(
        [(x - head, feet), (x + head, feet), (x, feet - tall + 2 * head)],
        fill=_colour(draw, 20, 220),
        outline=(10, 10, 10),
        width=line,
    )
    pen.ellipse(
        (x - head, feet - tall, x + head, feet - tall + 2 * head),
        fill=pick(draw, [(244, 214, 180), (196, 144, 100), (120, 80, 56)]),
        outline=(10, 10, 10),
        width=line,
    )


def _bubble(pen: ImageDraw.ImageDraw, draw: Draw, width: int, height: int) -> None:
    left, top = int(width * (0.08 + 0.3 * draw())), int(height * (0.06 + 0.1 * draw()))
    right, bottom = left + int(width * 0.5), top + int(height * (0.12 + 0.06 * draw()))
    pen.polygon(
        [(left + 40, bottom - 20), (left + 90, bottom - 20), (left + 50, bottom + 50)],
        fill="white",
    )
    pen.rounded_rectangle((left, top, right, bottom), 40, fill="white")
    # Lines for lettering: a font would make the bytes depend on the machine.
    rows = 3
    for row in range(1, rows + 1):
        y = top + (bottom - top) * row // (rows + 1)
        end = right - 40 - int(draw() * (right - left) * 0.4)
        pen.line((left + 40, y, end, y), fill=(60, 60, 60), width=8)
