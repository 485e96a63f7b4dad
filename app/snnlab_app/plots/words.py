"""What the page says of images, as it is said of recordings."""

import re

from snnlab_app.session.snapshot import IMAGES, SOUNDS, SPIKES

_PHRASES = {
    SOUNDS: {
        "Draw a digit on the black square": "Say a digit into the microphone",
        "Pixels become spikes: the brighter, the earlier": "Spikes of the cochlea become inputs",
        "its pixels as spikes": "the spikes of its cochlea",
        "when each pixel sends its spike": "when the channels of the cochlea send their spikes",
    },
    SPIKES: {
        "Draw a digit on the black square": "Choose a recording",
        "Pixels become spikes: the brighter, the earlier": "Recorded spikes become inputs",
        "its pixels as spikes": "its input spikes",
        "when each pixel sends its spike": "when its channels send their spikes",
    },
}
"""What has another meaning; single words follow."""
_WORDS = {
    "Emulated images/s": "Emulated/s",
    "an image": "a recording", "image shows": "recording says", "image": "recording",
    "Image": "Recording", "look like": "sound like", "pixel": "channel", "Pixel": "Channel",
    "It shows": "It says",
}  # fmt: skip


def reword(text: str, kind: str) -> str:
    """A text of the page for inputs of this kind: of images as it is."""
    if kind == IMAGES:
        return text
    for old, new in (*_PHRASES.get(kind, {}).items(), *_WORDS.items()):
        text = re.sub(rf"\b{re.escape(old)}", new, text)
    return text
