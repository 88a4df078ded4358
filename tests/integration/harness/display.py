"""X displays: a screen without a monitor, and pictures of it."""
import struct

from .process import environment, need, run


def start_xvfb(test, width, height):
    """A screen on a display number that was free; returns the DISPLAY value."""
    process = test.start([need("Xvfb", "xvfb"), "-displayfd", "1", "-screen", "0", f"{width}x{height}x24", "-nolisten", "tcp",
                          "-noreset"], "Xvfb")
    return ":" + process.out.wait(r"^(\d+)$", timeout=20)[1]


def on_display(display, *argv, **options):
    """Runs a program to its end on a display."""
    return run(argv, env=environment(DISPLAY=display), **options)


class Picture:
    """A screenshot: what xwd saw of the root window, or of the window given by its id."""

    def __init__(self, display, window=None):
        which = ["-id", str(window)] if window else ["-root"]
        dump = on_display(display, need("xwd", "x11-apps"), "-silent", *which, text=False).stdout
        # XWDFile.h: 25 numbers of 32 bits, big-endian; then the window's name, the colours (12 bytes each), the pixels.
        head = struct.unpack(">25I", dump[:100])
        (header_size, self.width, self.height, byte_order, bits, line, colours) = (
            head[0], head[4], head[5], head[7], head[11], head[12], head[19])
        assert bits == 32, f"a screen of 24 bit colours was expected, not {bits} bits a pixel"
        # Four bytes a pixel of which one means nothing: made equal, so that rows compare as bytes.
        pixels = bytearray(dump[header_size + colours * 12:])
        pixels[0 if byte_order else 3::4] = bytes(len(pixels) // 4)
        self._pixels = bytes(pixels)
        self._line = line
        self._order = "big" if byte_order else "little"

    def at(self, x, y):
        """The colour as 0xRRGGBB."""
        start = y * self._line + x * 4
        return int.from_bytes(self._pixels[start:start + 4], self._order) & 0xFFFFFF

    def find(self, other):
        """Where `other` lies inside this picture, pixel for pixel, as (left, top); or None."""
        row = other.row(other.height // 2)
        for y in range(other.height // 2, self.height - (other.height - other.height // 2) + 1):
            place = self.row(y).find(row)
            if place < 0 or place % 4:
                continue
            left, top = place // 4, y - other.height // 2
            if all(self.row(top + line)[place:place + len(row)] == other.row(line) for line in range(other.height)):
                return left, top
        return None

    def row(self, y):
        return self._pixels[y * self._line:y * self._line + self.width * 4]
