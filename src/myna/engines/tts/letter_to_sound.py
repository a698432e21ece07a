"""From an English word's letters to Kokoro's phonemes, for words that no dictionary has.

The network is that of Kyubyong/g2p (``g2p_en/g2p.py``, Apache-2.0): two GRUs, from letters to ARPAbet, trained on
CMUdict. It is data here, g2p_en itself is not installed.
"""

import re
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from myna.core.errors import WeightsDamaged

Array: TypeAlias = NDArray[np.float32]
Weights: TypeAlias = Mapping[str, Array]

_WHOLE = re.compile(r".{1,16}")  # of longer words the network forgets the beginning
_LETTERS = {letter: i for i, letter in enumerate("abcdefghijklmnopqrstuvwxyz", start=3)}
_LETTERS_END = 2
_SOUNDS_START, _SOUNDS_END = 2, 3

_ARPABET = (
    "AA:ɑ AE:æ AH:ʌ AO:ɔ AW:W AY:I B:b CH:ʧ D:d DH:ð EH:ɛ ER:ɜɹ EY:A F:f G:ɡ HH:h IH:ɪ IY:i JH:ʤ K:k L:l M:m N:n NG:ŋ "
    "OW:O OY:Y P:p R:ɹ S:s SH:ʃ T:t TH:θ UH:ʊ UW:u V:v W:w Y:j Z:z ZH:ʒ"
)
_VOWELS = frozenset(["AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW"])


def _alphabet() -> list[str]:
    """What the network's outputs mean: nothing four times, then ARPAbet in order, vowels without stress and with."""
    sounds = ["", "", "", ""]
    for arpabet, symbol in (pair.split(":") for pair in _ARPABET.split()):
        if arpabet == "UW" or arpabet not in _VOWELS:  # UW is there without a stress too
            sounds.append(symbol)
        if arpabet in _VOWELS:
            weak = {"AH": "ə", "ER": "əɹ"}.get(arpabet, symbol)
            sounds += [weak, "ˈ" + symbol, "ˌ" + symbol]
    return sounds


def _step(weights: Weights, side: str, x: Array, h: Array) -> Array:
    """One step of a GRU, as `torch.nn.GRU` documents it."""
    x_r, x_z, x_n = np.split(weights[f"{side}_w_ih"] @ x + weights[f"{side}_b_ih"], 3)
    h_r, h_z, h_n = np.split(weights[f"{side}_w_hh"] @ h + weights[f"{side}_b_hh"], 3)
    r, z = 1 / (1 + np.exp(-x_r - h_r)), 1 / (1 + np.exp(-x_z - h_z))
    return ((1 - z) * np.tanh(x_n + r * h_n) + z * h).astype(np.float32)


def _guess(weights: Weights, alphabet: list[str], letters: str) -> str:
    h = np.zeros(weights["enc_w_hh"].shape[1], np.float32)
    for letter in (*(_LETTERS[letter] for letter in letters), _LETTERS_END):
        h = _step(weights, "enc", weights["enc_emb"][letter], h)
    sounds, last = "", _SOUNDS_START
    for _ in range(2 * len(letters) + 4):  # it may never come to its end
        h = _step(weights, "dec", weights["dec_emb"][last], h)
        last = int((weights["fc_w"] @ h + weights["fc_b"]).argmax())
        if last == _SOUNDS_END:
            break
        sounds += alphabet[last]
    return sounds


def open_letter_to_sound(file: Path) -> Callable[[str], str]:
    """What turns small letters from a to z into phonemes, from ``checkpoint20.npz``. Blocks.

    Raises:
        WeightsDamaged: The file is missing or not what it should be.
    """
    try:
        with np.load(file) as arrays:
            weights = {name: cast(Array, arrays[name]) for name in arrays.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise WeightsDamaged(
            f"{file} cannot be read: {error}.", hint="`myna models verify` says what is wrong with it."
        ) from error
    alphabet = _alphabet()
    return lambda word: "".join(_guess(weights, alphabet, letters) for letters in _WHOLE.findall(word))
