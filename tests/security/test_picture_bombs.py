"""Small pictures that unpack to gigabytes cost nothing."""

import json
import struct
import subprocess
import sys
import textwrap
import zlib
from io import BytesIO

import pytest
from PIL import Image

from snnlab_app.controls import upload


def chunk(kind, data):
    """A part of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, colour=6, channels=4):
    """A genuine PNG of one colour."""
    deflate = zlib.compressobj(9)
    line = bytes(1 + width * channels)
    rows = b"".join(deflate.compress(line) for _ in range(height)) + deflate.flush()
    head = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def picture(width, height, kind, mode="RGB", **options):
    file = BytesIO()
    Image.new(mode, (width, height)).save(file, kind, **options)
    return file.getvalue()


def claiming(data, offset, form, *size):
    """A small picture that says it is a large one."""
    return data[:offset] + struct.pack(form, *size) + data[offset + struct.calcsize(form) :]


def scans(count):
    """A progressive JPEG with its last scan many times: each is a pass over the picture."""
    data = picture(2000, 2000, "JPEG", progressive=True)
    last = data.rfind(b"\xff\xda")
    return data[:last] + data[last:-2] * count + data[-2:]


PICTURES = {
    "many pixels": lambda: png(8000, 5000),
    "claims": lambda: claiming(png(16, 16), 16, ">II", 2**31 - 1, 2**31 - 1),
    "GIF claims": lambda: claiming(picture(16, 16, "GIF", "P"), 6, "<HH", 65535, 65535),
    "BMP claims": lambda: claiming(picture(16, 16, "BMP", "L"), 18, "<ii", 60000, 60000),
    "WebP": lambda: picture(16383, 16383, "WEBP", lossless=True, method=0),
    "AVIF": lambda: picture(2100, 2000, "AVIF", speed=10),
    "WebP of a screen": lambda: picture(6300, 6300, "WEBP", lossless=True, method=0),
    "JPEG in scans": lambda: picture(6300, 6300, "JPEG", progressive=True),
    "a thousand scans": lambda: scans(1000),
    "long text": lambda: (
        png(16, 16)[:33] + chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(10**8))) + png(16, 16)[33:]
    ),
    "TIFF": lambda: picture(16, 16, "TIFF"),
    "SVG": lambda: b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "too many bytes": lambda: bytes(upload.MAX_BYTES + 1),
    "nothing": lambda: b"",
}  # fmt: skip
LARGEST = {
    "PNG": lambda: png(4000, 4000),
    "WebP": lambda: picture(2000, 2000, "WEBP", "RGBA", lossless=True, method=0),
    "JPEG in scans": lambda: picture(4000, 4000, "JPEG", progressive=True, subsampling=0),
    "JPEG": lambda: picture(8000, 8000, "JPEG"),
    "GIF": lambda: picture(4000, 4000, "GIF", "P"),
    "AVIF": lambda: picture(2000, 2000, "AVIF", "RGBA", speed=10),
    "PNG of 16 bits": lambda: picture(4000, 4000, "PNG", "I;16"),
    "PNG with a transparent colour": lambda: picture(
        4000, 4000, "PNG", transparency=(0, 0, 0), compress_level=1
    ),
}
GROWTH = 150
"""MB that the largest picture that is taken may cost for a moment."""
READER = """
    import json, resource, sys
    from pathlib import Path
    from snnlab.errors import SnnlabError
    from snnlab_app.controls import upload

    def peak():  # MB; on Linux getrusage begins with what the parent process held
        if sys.platform == "linux":
            return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 2**10
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20

    before, told = peak(), {}
    for path in sorted(Path(sys.argv[1]).iterdir()):
        try:
            said = list(upload.read_upload(path.read_bytes()).grey().shape)
        except SnnlabError as error:
            said = str(error)
        told[path.name] = said, peak() - before
    print(json.dumps(told))
"""


def read_elsewhere(folder, made):
    for name, make in made.items():
        (folder / name).write_bytes(make())
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(READER), str(folder)],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


def test_pictures_that_are_bombs_cost_nothing(tmp_path):
    told = read_elsewhere(tmp_path, PICTURES)
    assert told.keys() == PICTURES.keys()
    for name, (said, grown) in told.items():
        assert isinstance(said, str), name
        assert said.startswith(("the picture ", "the file is not a readable picture")), (name, said)
        assert grown < 40, (name, grown)
    assert "40,000,000 pixels: use at most 16,000,000" in told["many pixels"][0]
    assert "scans" in told["a thousand scans"][0]


@pytest.mark.slow
def test_the_largest_picture_that_is_taken_costs_little(tmp_path):
    for name, (said, grown) in read_elsewhere(tmp_path, LARGEST).items():
        assert said == [400, 400], (name, said)
        assert grown < GROWTH, (name, grown)


def test_transparent_is_white_and_a_photo_is_what_it_was():
    image = Image.new("RGBA", (800, 800), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (200, 200, 600, 600))
    file = BytesIO()
    image.save(file, "PNG")
    grey = upload.read_upload(file.getvalue()).grey()
    assert (grey[5, 5], grey[200, 200]) == (255, 0)
    file = BytesIO()
    image.convert("P").save(file, "GIF")
    assert upload.read_upload(file.getvalue()).grey().shape == (400, 400)


def told(widget, **part):
    whole = {"type": "status", "status": "upload_event", "name": "a.png", "mime_type": "image/png",
             "chunk": 1, "total_chunks": 1, "data": b"x"}  # fmt: skip
    widget._handle_msg(whole | part)
    return sum(len(c) for f in widget._file_buffer.values() for c in f["chunks"].values()) + sum(
        len(f["value"]) for f in widget._buffer
    )


def test_a_client_of_its_own_cannot_pile_up_parts():
    widget = upload.chooser()
    assert told(widget, data=bytes(1000)) == 1000
    assert told(widget, data=bytes(2000)) == 2000, "the picture before is let go"
    for part in (
        {"data": bytes(upload.MAX_BYTES + 1)}, {"total_chunks": 10**6}, {"chunk": 2},
        {"data": 10**12}, {"data": None},
    ):  # fmt: skip
        assert told(widget, **part) == 2000
    widget._handle_msg({"status": "finished"})
    assert len(widget.value) == 2000
