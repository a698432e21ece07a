"""Languages as clients name them."""

from collections.abc import Collection


def iso(language: str) -> str:
    """The code in a language tag, in small letters: ``zh`` of ``zh-CN`` or ``ZH_cn``."""
    return language.strip().lower().replace("_", "-").partition("-")[0]


def is_understood(language: str, languages: Collection[str]) -> bool:
    """Whether who understands ``languages``, as codes, understands a language; without any he understands all."""
    return not languages or iso(language) in languages
