"""Free Spoken Digit Dataset: 3 000 recordings of the digits by six speakers, as spikes.

Z. Jackson and contributors, https://github.com/Jakobovski/free-spoken-digit-dataset, CC BY-SA 4.0.
Recordings are read from the archive of one commit, or from an unpacked copy of it, verified by
their content, and turned into spikes by :data:`~snnlab.data.sound.cochlea.COCHLEA` once.
"""

import os
import re
import tarfile
from collections.abc import Iterator, Mapping
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import numpy as np

from snnlab.data.catalogue import CATALOGUE, Tell
from snnlab.data.published.download import download
from snnlab.data.sound.cochlea import COCHLEA, trim
from snnlab.data.sound.wav import Sound, read_wav
from snnlab.data.source import number_inputs
from snnlab.data.spikes.recorded import RESOLUTION, RecordedSpikes
from snnlab.errors import DataUnavailable, SnnlabError
from snnlab.events import LAST_TICK, Events
from snnlab.files import cache_folder, load_npz, npz, write_whole

NAME = "spoken-digits"
COMMIT = "26eb9aaf76e81b692f806f9140c2d2777410d7a1"
ARCHIVE = f"free-spoken-digit-dataset-{COMMIT}.tar.gz"
URL = f"https://github.com/Jakobovski/free-spoken-digit-dataset/archive/{COMMIT}.tar.gz"
ARCHIVE_BYTES = 64 * 2**20
"""Largest archive that is fetched; it has 16 MB."""
DIGEST = "dbd573d7cafe79c4b49f65718115e1304e24e067fa39eff18a660dc6cb9c360f"
"""SHA-256 of the lines "NAME SHA256\\n" of all wav files, sorted."""
SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
TEST_TAKES = 5
"""Recordings 0 to 4 of each digit and speaker are the official test set."""
FOLDERS = ("fsdd", NAME, "free-spoken-digit-dataset", ".")
"""Where in a folder of data sets the archive or the recordings may be."""
MAX_SECONDS = 3.0
"""Sound that a single digit may take, without the silence around it; the longest takes 2.2 s."""
MAX_SEARCHED_SECONDS = 120.0
"""Longest file in which a single digit is looked for, which bounds the memory that it takes."""
MAX_WAV_BYTES, MAX_WAVS = 2**20, 10_000
_WAV = re.compile(r"(?:.*/)?([0-9]_[a-z]+_[0-9]+\.wav)")
_FORM = 2
"""Raised when the way in which recordings become spikes changes beyond the cochlea's constants."""

Wavs = dict[str, bytes]


def load(data_dir: str | os.PathLike[str] | None, tell: Tell) -> RecordedSpikes:
    """The data set, from the cached spikes if the recordings have been converted before.

    data_dir : as for :func:`snnlab.data.load`. Raises :class:`~snnlab.errors.DataUnavailable` if
    neither a folder, the cache nor the host has it, :class:`SnnlabError` for other recordings.
    """
    chosen = data_dir or os.environ.get("SNNLAB_DATA")
    if chosen:
        place = Path(os.path.expanduser(chosen))
        source = find(place)
        if source is None:
            raise SnnlabError(
                f"data set {NAME}: expected {ARCHIVE} or its folder recordings in {place} or its"
                f" sub-folder {FOLDERS[0]}: fetch {URL}"
            )
        origin = f"{'folder' if source.is_dir() else 'archive'} {source}"
    else:
        source, origin = cache_folder() / NAME / ARCHIVE, f"cache {cache_folder() / NAME}"
    kept = cache_folder() / NAME / f"spikes-{_fingerprint()}.npz"
    wavs = _verified(source, chosen, tell) if chosen else None  # else it was before it was kept
    arrays = _from_cache(kept, tell)
    if arrays is None:
        arrays = convert(wavs or _verified(source, chosen, tell), tell)
        _keep(kept, arrays, tell)
    return assemble(arrays, origin, Library(source))


def find(place: Path) -> Path | None:
    """The archive, or the folder of its recordings, at a path or in a folder; None if neither."""
    if place.is_file():
        return place
    for name in FOLDERS:
        home = place / name
        for candidate in (home / ARCHIVE, home / f"{COMMIT}.tar.gz"):
            if candidate.is_file():
                return candidate
        for folder in (home / "recordings", home):
            if (folder / "0_george_0.wav").is_file():
                return folder
    return None


def _verified(source, chosen, tell) -> Wavs:
    if not chosen and not source.is_file():
        _fetch(source, tell)
    tell(f"reading {source}", None)
    try:
        return check(read_folder(source) if source.is_dir() else read_archive(source), str(source))
    except SnnlabError:
        if not chosen:
            source.unlink(missing_ok=True)  # so that it is fetched again
        raise


def _fetch(path, tell):
    mirrors = os.environ.get("SNNLAB_MIRROR", "").split()
    urls = [f"{base.rstrip('/')}/{NAME}/{ARCHIVE}" for base in mirrors] or [URL]
    tried = []
    for url in urls:
        try:
            return download(url, path, ARCHIVE_BYTES, tell)
        except SnnlabError as error:
            tried.append(f"{url}: {error}")
    raise DataUnavailable(
        f"data set {NAME} is not available ({'; '.join(tried)}): give a folder with {ARCHIVE} by"
        " --data-dir"
    )


def read_archive(path: Path) -> Wavs:
    """The wav files of an archive by name; nothing is unpacked to the disk.

    Raises :class:`SnnlabError` for a damaged archive, or one that holds too much.
    """
    wavs: Wavs = {}
    try:
        with path.open("rb") as file, tarfile.open(fileobj=file, mode="r:gz") as archive:
            for member in archive:
                if not member.isfile() or not (name := _WAV.fullmatch(member.name)):
                    if member.size > ARCHIVE_BYTES:
                        raise SnnlabError(f"{path}: {member.name} has {member.size:,} bytes")
                    continue
                if member.size > MAX_WAV_BYTES or len(wavs) >= MAX_WAVS:
                    raise SnnlabError(
                        f"{path}: holds more than the recordings expected, at {member.name}"
                    )
                wavs[name[1]] = archive.extractfile(member).read()
    except SnnlabError:
        raise
    except Exception as error:  # tarfile, gzip and zlib raise many kinds for damaged files
        why = getattr(error, "strerror", None) or type(error).__name__
        raise SnnlabError(f"{path}: damaged or incomplete archive ({why}): fetch {URL}") from None
    return wavs


def read_folder(path: Path) -> Wavs:
    """The wav files of a folder by name; raises :class:`SnnlabError`."""
    try:
        files = [p for p in sorted(path.glob("*.wav")) if _WAV.fullmatch(p.name)]
        sizes = [p.stat().st_size for p in files]
        if len(files) > MAX_WAVS or max(sizes, default=0) > MAX_WAV_BYTES:
            raise SnnlabError(f"{path}: holds more than the recordings expected")
        return {p.name: p.read_bytes() for p in files}
    except OSError as error:
        raise SnnlabError(f"{path}: cannot be read ({error.strerror})") from None


class Library(Mapping[str, bytes]):
    """The wav files in a folder or an archive by name, read when first asked for.

    What they hold was verified when they were turned into spikes. Asking raises
    :class:`SnnlabError` if they can no longer be read.
    """

    def __init__(self, source: Path):
        self._source = source

    @cached_property
    def _wavs(self):
        return read_folder(self._source) if self._source.is_dir() else read_archive(self._source)

    def __bool__(self) -> bool:
        return True  # whether it is empty is not worth reading it

    def __getitem__(self, name: str) -> bytes:
        return self._wavs[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._wavs)

    def __len__(self) -> int:
        return len(self._wavs)


def check(wavs: Wavs, where: str) -> Wavs:
    """The recordings themselves; raises :class:`SnnlabError` unless they are those published."""
    lines = (f"{name} {sha256(wavs[name]).hexdigest()}\n" for name in sorted(wavs))
    found = sha256("".join(lines).encode()).hexdigest()
    if found != DIGEST:
        raise SnnlabError(
            f"{where}: {len(wavs)} recordings of digest {found}, expected {DIGEST} of 3000: fetch"
            f" {URL}, or train on recordings of your own with --dataset spikes"
        )
    return wavs


def convert(wavs: Wavs, tell: Tell) -> dict[str, np.ndarray]:
    """Recordings as spikes, in the order of digit, speaker and take.

    Returns ``offsets``, ``tick`` (of RESOLUTION seconds), ``channel``, and ``digit``, ``speaker``
    and ``take`` of each recording.
    """
    names = sorted((_parse(name), name) for name in wavs)
    counts, ticks, channels = [], [np.empty(0, np.uint16)], [np.empty(0, np.uint16)]
    for k, (_, name) in enumerate(names):
        if k % 50 == 0:
            tell("turning sound into spikes", k / len(names))
        tick, channel = hear(wavs[name])
        counts.append(len(tick))
        ticks.append(tick)
        channels.append(channel)
    about = np.array([key for key, _ in names], np.int64).reshape(-1, 3)
    return {
        "offsets": np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        "tick": np.concatenate(ticks), "channel": np.concatenate(channels),
        "digit": about[:, 0], "speaker": about[:, 1], "take": about[:, 2],
    }  # fmt: skip


def hear(source: str | Path | bytes) -> tuple[np.ndarray, np.ndarray]:
    """Spikes of a wav file, from where its sound begins: uint16[spike] ticks and channels.

    Ticks are of RESOLUTION seconds; what comes later than their 16 bits reach, 1.6 s, is not heard.
    Raises :class:`SnnlabError` for what :func:`only_digit` refuses.
    """
    return spikes_of(only_digit(source))


def only_digit(source: str | Path | bytes) -> Sound:
    """The sound of a wav file without the silence around it, as it becomes spikes.

    Raises :class:`SnnlabError` for what is no wav file, is silent, or is longer than one digit.
    """
    whole = read_wav(source)
    if whole.seconds > MAX_SEARCHED_SECONDS:
        raise SnnlabError(
            f"lasts {whole.seconds:,.0f} s, at most {MAX_SEARCHED_SECONDS:g} s are searched for a"
            " digit: cut it to one digit"
        )
    sound = trim(whole)
    if sound.seconds > MAX_SECONDS:
        raise SnnlabError(
            f"holds {sound.seconds:,.1f} s of sound, a spoken digit takes at most"
            f" {MAX_SECONDS:g} s: cut it to one digit"
        )
    return sound


def spikes_of(sound: Sound) -> tuple[np.ndarray, np.ndarray]:
    """Spikes of a sound that was cut, as :func:`hear` gives them."""
    times, channel = COCHLEA.spikes(sound)
    tick = np.floor(times / RESOLUTION)
    heard = tick <= LAST_TICK
    return tick[heard].astype(np.uint16), channel[heard]


def _parse(name):
    digit, speaker, take = name.removesuffix(".wav").split("_")
    return int(digit), SPEAKERS.index(speaker), int(take)


def assemble(
    arrays: dict[str, np.ndarray], origin: str, sounds: Library | None = None
) -> RecordedSpikes:
    """The data set of converted recordings, divided as published; ``sounds``: their wav files."""
    n = len(arrays["digit"])
    ids = number_inputs("train", n)
    every = Events(arrays["offsets"], arrays["tick"], arrays["channel"], COCHLEA.channels, ids)
    about = zip(*(arrays[name].tolist() for name in ("digit", "speaker", "take")), strict=True)
    names = [f"{digit}_{SPEAKERS[who]}_{take}.wav" for digit, who, take in about] if sounds else ()
    whole = RecordedSpikes(
        NAME, every, arrays["digit"], every, arrays["digit"], CATALOGUE[NAME].classes,
        origin=origin, unit=RESOLUTION, train_groups=arrays["speaker"],
        test_groups=arrays["speaker"], groups=SPEAKERS, sounds=sounds, train_names=names,
        test_names=names,
    )  # fmt: skip
    test = arrays["take"] < TEST_TAKES
    return whole.take(np.flatnonzero(~test), np.flatnonzero(test)).checked()


def blank() -> RecordedSpikes:
    """The data set with one empty recording in each part: what new recordings are encoded with."""
    none = np.empty(0, np.uint16)
    arrays = {"offsets": np.array([0, 0, 0]), "tick": none, "channel": none}
    about = {"digit": [0, 0], "speaker": [0, 0], "take": [0, TEST_TAKES]}
    return assemble({**arrays, **{k: np.array(v) for k, v in about.items()}}, "a run")


def _fingerprint():
    """Of all that the spikes depend on."""
    return sha256(f"{_FORM} {DIGEST} {COCHLEA!r} {RESOLUTION}".encode()).hexdigest()[:16]


_SHAPES = ("offsets", "tick", "channel", "digit", "speaker", "take")


def _from_cache(path, tell):
    """The converted recordings, None if they are not there or damaged."""
    if not path.is_file():
        return None
    try:
        arrays = load_npz(path, "cached spikes", ", ".join(_SHAPES))
        assemble(arrays, "").checked()
        return arrays
    except (SnnlabError, KeyError, ValueError, IndexError) as error:
        tell(f"cache entry is damaged and will be made again: {error}", None)
        return None


def _keep(path, arrays, tell):
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, npz(arrays))
    except OSError as error:  # with a full or read-only disk, the next start converts again
        tell(f"not cached: {path} cannot be written ({error.strerror})", None)
