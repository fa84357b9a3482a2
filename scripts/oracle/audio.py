"""Writes test/fixtures/audio: small files of every format the reader takes, and what soundfile decodes from them.

Run from the project's root: python scripts/oracle/audio.py (numpy, safetensors, soundfile with libsndfile >= 1.1).
"""

import pathlib

import numpy as np
import safetensors
import soundfile
from safetensors.numpy import save_file

OUT = pathlib.Path("test/fixtures/audio")
SEED = 20261123


def signal(frames: int, channels: int, rate: int) -> np.ndarray:
    """Two chirps and a little noise, [frames, channels] in int32 full scale, with both extremes in it."""
    random = np.random.default_rng(SEED)
    t = np.arange(frames)[:, None] / rate
    tone = np.sin(2 * np.pi * (300 + 900 * t + 110 * np.arange(channels)) * t)
    x = 0.6 * tone + 0.02 * random.standard_normal((frames, channels))
    x = np.clip(np.round(x * 2**31), -(2**31), 2**31 - 1).astype(np.int32)
    x[10], x[11], x[12], x[13] = -(2**31), 2**31 - 1, 2**30, -1
    return x


FILES = {  # name: (frames, channels, rate, format, subtype)
    "u8.wav": (400, 1, 8000, "WAV", "PCM_U8"),
    "s16.wav": (401, 2, 44100, "WAV", "PCM_16"),
    "s24.wav": (401, 1, 48000, "WAV", "PCM_24"),
    "s32.wav": (400, 2, 16000, "WAV", "PCM_32"),
    "f32.wav": (400, 1, 16000, "WAV", "FLOAT"),
    "f64.wav": (400, 2, 22050, "WAV", "DOUBLE"),
    "s16-extensible.wav": (400, 8, 16000, "WAVEX", "PCM_16"),
    "s24-extensible.wav": (400, 3, 96000, "WAVEX", "PCM_24"),
    "f32-extensible.wav": (400, 2, 96000, "WAVEX", "FLOAT"),
    "s16.rf64.wav": (400, 2, 16000, "RF64", "PCM_16"),
    "s8.flac": (1000, 1, 16000, "FLAC", "PCM_S8"),
    "s16.flac": (6000, 1, 16000, "FLAC", "PCM_16"),
    "s16-stereo.flac": (3000, 2, 44100, "FLAC", "PCM_16"),
    "s24.flac": (5000, 1, 96000, "FLAC", "PCM_24"),
    "s24-stereo.flac": (1500, 2, 48000, "FLAC", "PCM_24"),
    "mono.mp3": (4000, 1, 16000, "MP3", "MPEG_LAYER_III"),
    "stereo.mp3": (6000, 2, 44100, "MP3", "MPEG_LAYER_III"),
    "mono.ogg": (6000, 1, 16000, "OGG", "VORBIS"),
    "stereo.ogg": (5000, 2, 44100, "OGG", "VORBIS"),
}


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    expected = {}
    for name, (frames, channels, rate, container, subtype) in FILES.items():
        x = signal(frames, channels, rate)
        if subtype == "PCM_24":  # the low bits of an int32 would be cut, not rounded
            x = x >> 8 << 8
        samples = x if subtype.startswith("PCM") else x.astype(np.float64) / 2**31
        soundfile.write(OUT / name, samples, rate, subtype, format=container)
        decoded, decoded_rate = soundfile.read(OUT / name, dtype="float32", always_2d=True)
        assert decoded_rate == rate
        expected[name] = np.ascontiguousarray(decoded.T)
        print(f"{name:20} {(OUT / name).stat().st_size:6} bytes  {decoded.shape} at {rate} Hz")
    metadata = {
        "script": "scripts/oracle/audio.py",
        "seed": str(SEED),
        "soundfile": soundfile.__version__,
        "libsndfile": soundfile.__libsndfile_version__,
        "numpy": np.__version__,
        "safetensors": safetensors.__version__,
        "rates": str({name: spec[2] for name, spec in FILES.items()}),
    }
    save_file(expected, OUT / "expected.safetensors", metadata)


main()
