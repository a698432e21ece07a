"""A reply and its parts, with its three texts kept apart."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Segment:
    """A clause or a sentence of a reply: the unit that is spoken.

    Attributes:
        index: Its place in the reply, from 0.
        display: What is shown. The segments' display texts joined are the reply's display text, but for what cannot be
            spoken at its end (code, a picture).
        speech: What is spoken: no markdown, emoji, URL or tag. Never empty.
        emotion: The emotion it is spoken with.
    """

    index: int
    display: str
    speech: str
    emotion: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What the assistant generated in one turn.

    Attributes:
        raw: What the model wrote, emotion tags included: this goes back to it as history.
        display: What was shown.
        heard: The part of ``display`` that was really heard; all of it unless the reply was interrupted.
    """

    raw: str
    display: str
    heard: str
