#!/usr/bin/python3
"""A real VNC server and viewer (11.6): the picture arrives pixel for pixel, changes follow, keys and mouse go back."""
import random

from harness import IntegrationTest, connect, free_port, main, need, recv_exactly, wait_until
from harness.display import Picture, on_display, start_xvfb
from harness.process import environment

_WIDTH, _HEIGHT = 640, 480


class Vnc(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.port = free_port()  # an rfbport of 0 switches VNC off
        server = self.start([need("Xtigervnc", "tigervnc-standalone-server"), "-displayfd", "1", "-rfbport", self.port, "-localhost",
                             "-SecurityTypes", "None", "-geometry", f"{_WIDTH}x{_HEIGHT}", "-depth", "24", "-nolisten", "tcp",
                             "-noreset", "-desktop", "office"], "Xtigervnc")
        self.office = ":" + server.out.wait(r"^(\d+)$", timeout=20)[1]
        self.local_port = self.tunnel(self.port).port(self.port)
        # Larger than the office's screen, so that its picture fits in whole, wherever the viewer puts it.
        self.home = start_xvfb(self, _WIDTH + 160, _HEIGHT + 120)

    def draw(self):
        """Covers the office's screen with a random pattern that nothing else shows; returns the picture of it."""
        size = 64
        # The reader of this format cuts lines at 255 characters.
        rows = ",\n".join(",".join(f"0x{random.getrandbits(8):02x}" for _ in range(size // 8)) for _ in range(size))
        bitmap = self.tmp / "pattern.xbm"
        bitmap.write_text(f"#define p_width {size}\n#define p_height {size}\nstatic char p_bits[] = {{\n{rows}}};\n", encoding="ascii")
        colours = [f"#{random.getrandbits(24):06x}" for _ in range(2)]
        on_display(self.office, need("xsetroot", "x11-xserver-utils"), "-bitmap", bitmap, "-fg", colours[0], "-bg", colours[1])
        return Picture(self.office)

    def view(self, *flags):
        """Starts the viewer at home and waits for its window."""
        viewer = self.start([need("xtigervncviewer", "tigervnc-viewer"), "-display", self.home, "-SecurityTypes", "None", "-Shared=1",
                             "-RemoteResize=0", "-AlertOnFatalError=0", "-ReconnectOnError=0", *flags, f"127.0.0.1::{self.local_port}"],
                            "viewer", env=environment(DISPLAY=self.home, HOME=str(self.tmp)))
        return viewer

    def place_of(self, picture):
        return wait_until(lambda: Picture(self.home).find(picture), "the viewer shows the office's picture", timeout=30, interval=0.2)

    def test_the_picture_and_its_changes(self):
        """Lossless encodings, so what is seen must be what was drawn, also after it has been drawn again."""
        for encoding in ("Raw", "ZRLE", "Tight"):
            with self.subTest(encoding):
                picture = self.draw()
                self.assertIsNone(Picture(self.home).find(picture))
                viewer = self.view("-AutoSelect=0", "-NoJPEG=1", f"-PreferredEncoding={encoding}")
                place = self.place_of(picture)
                for _ in range(3):
                    picture = self.draw()
                    self.assertEqual(self.place_of(picture), place)
                self.assertTrue(viewer.running)
                viewer.stop()

    def test_keys_and_mouse(self):
        """What is typed and pointed at home happens in the office."""
        picture = self.draw()
        self.view("-AutoSelect=0", "-NoJPEG=1", "-PointerEventInterval=0")
        left, top = self.place_of(picture)
        xdotool = need("xdotool", "xdotool")
        # No window manager is there to hand out the focus.
        window = on_display(self.home, xdotool, "search", "--name", "TigerVNC").stdout.split()[-1]
        on_display(self.home, xdotool, "windowfocus", window)
        events = self.start([need("stdbuf", "coreutils"), "-oL", need("xev", "x11-utils"), "-geometry", f"{_WIDTH}x{_HEIGHT}+0+0"], "xev",
                            env=environment(DISPLAY=self.office))
        events.out.wait("^MapNotify event")

        def pointer():
            return tuple(int(part[2:]) for part in on_display(self.office, xdotool, "getmouselocation").stdout.split()[:2])

        # The viewer takes the first motion for the pointer's coming in and tells it with the click.
        on_display(self.home, xdotool, "mousemove", left + 300, top + 200, "click", "1")
        events.out.wait("^ButtonPress event")
        events.out.wait("^ButtonRelease event")
        for place in ((123, 45), (600, 440), (320, 5)):
            on_display(self.home, xdotool, "mousemove", left + place[0], top + place[1])
            wait_until(lambda: pointer() == place, f"the office's pointer is at {place}")
        on_display(self.home, xdotool, "key", "c", "t", "F5")
        for key in ("c", "t", "F5"):
            events.out.wait(rf"keysym 0x[0-9a-f]+, {key}\)")

    def test_several_viewers_and_a_plain_look(self):
        """Two viewers at once, and the greeting of the protocol to a third connection."""
        picture = self.draw()
        viewers = [self.view("-AutoSelect=0", "-NoJPEG=1") for _ in range(2)]
        self.place_of(picture)
        with connect(self.local_port) as connection:
            self.assertEqual(recv_exactly(connection, 12), b"RFB 003.008\n")
        self.place_of(self.draw())
        self.assertTrue(all(viewer.running for viewer in viewers))


if __name__ == "__main__":
    main()
