"""Generated comic panels: a sky, a sun, hills and a figure, in a few dozen kinds."""

from __future__ import annotations

from io import BytesIO

from PIL import Image, ImageDraw

from .chance import Draw, draws

KINDS = 40
# Width and height in pixels: pages, strips, squares.
SIZES = [(800, 1200), (1200, 800), (900, 900), (640, 960), (1280, 720), (600, 1400)]
BLACK = (20, 20, 20)


def draw_picture(seed: int, kind: int) -> bytes:
    """Return the bytes of one picture: PNG and JPEG in turns."""
    draw = draws(seed, "picture", kind)
    width, height = size = SIZES[kind % len(SIZES)]
    shade = Image.linear_gradient("L").resize(size)
    below = Image.new("RGB", size, _colour(draw, 150, 250))
    above = Image.new("RGB", size, _colour(draw, 40, 160))
    image = Image.composite(below, above, shade)
    pen = ImageDraw.Draw(image)
    sun = (width * (0.1 + 0.8 * draw()), height * (0.08 + 0.2 * draw()))
    pen.circle(sun, width * (0.05 + 0.06 * draw()), fill=_colour(draw, 200, 255))
    for depth in range(3):
        top = height * (0.55 + 0.13 * depth)
        ridge = [(width * step / 6, top + (draw() - 0.5) * 0.2 * height) for step in range(7)]
        pen.polygon([*ridge, (width, height), (0, height)], fill=_colour(draw, 30, 150))
    _draw_figure(pen, draw, width, height)
    pen.rectangle((0, 0, width - 1, height - 1), outline=BLACK, width=8)
    out = BytesIO()
    image.save(out, "JPEG" if kind % 2 else "PNG", quality=82)
    return out.getvalue()


def _colour(draw: Draw, darkest: int, lightest: int) -> tuple[int, int, int]:
    red, green, blue = (darkest + int(draw() * (lightest - darkest)) for _ in range(3))
    return red, green, blue


def _draw_figure(pen: ImageDraw.ImageDraw, draw: Draw, width: int, height: int) -> None:
    x, feet = width * (0.2 + 0.6 * draw()), height * 0.92
    top = feet - height * (0.25 + 0.2 * draw())
    head = (feet - top) / 6
    body = [(x - head, feet), (x + head, feet), (x, top + 2 * head)]
    pen.polygon(body, fill=_colour(draw, 20, 220), outline=BLACK, width=6)
    pen.circle((x, top + head), head, fill=_colour(draw, 80, 240), outline=BLACK, width=6)
