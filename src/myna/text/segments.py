"""A reply is cut into segments: the first clause early, then whole sentences.

Where it is cut:

- After a sentence (``。！？!?…``, a full stop that is one, a line's end), with what closes it: quotes, brackets, emoji
  and white space.
- The first segment after its first clause already, since nobody hears anything before it is spoken.
- A segment that grows past its budget after a clause, before a conjunction, then before a preposition or after a
  particle (``的``, ``了``), and in the end between any two words or Chinese characters. The budget is 12 Chinese
  characters or 8 words for the first segment, and then what can be synthesized while the audio before it plays, up to
  48 or 32: nobody should hear a gap.
- Where the emotion changes.

The next character decides whether a mark ends anything: ``3.14``, ``12:30`` and ``example.com`` are not cut.
"""

import re
from enum import IntEnum

from myna.core.reply import Segment
from myna.text.characters import CJK, is_cjk, is_emoji
from myna.text.speakable import STAGE_DIRECTION, Speakable

CJK_LENGTH = 2
WORD_LENGTH = 3
"""How long a Chinese character and a word are to speak, relative to each other."""

FIRST_BUDGET = 24  # 12 Chinese characters, or 8 words
LARGEST_BUDGET = 4 * FIRST_BUDGET
PACE = 0.7
"""How long a segment takes to synthesize, as a part of how long it lasts. Kokoro takes 0.45 of it on two idle cores,
and more while an LLM writes on the same ones."""

SHORTEST_CLAUSE = 6
"""Below three Chinese characters or two words, an opening clause waits for the next: it would be over long before what
follows can be heard."""

LONGEST_RUN = 32
"""So many characters of quotes, emoji and white space may follow a mark before it cuts all the same."""

LONGEST_WORD = 600
"""A word of so many characters is cut, unless it is a URL."""

_SENTENCE_MARKS = frozenset("。！？!?…\n.｡")
_CLAUSE_MARKS = frozenset("，、；：,;:—､")
_ASCII_MARKS = frozenset(".!?,;:")
_CLOSERS = frozenset("”’」』）】》〉)]")
_CLOSERS_UNLESS_SPACED = frozenset("\"'*_~`")
_PAIRED = frozenset('"*`')  # these of them open as often as they close
_IN_WORDS = frozenset("'’-_./:@&%+=?#")

_ABBREVIATION = re.compile(
    r"mr|mrs|ms|dr|prof|st|sr|jr|vs|etc|fig|approx|dept|est|inc|ltd|co|corp|gen|col|sgt|capt|rev|hon|messrs|mt|al|cf|viz"
    r"|ave|blvd|rd|gov|sen|lt|ft|figs|vols?|pp|nos|bros|ph\.d"
    r"|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec|(?-i:Mon|Tues?|Wed|Thu(?:rs?)?|Fri|Sat|Sun)"
    r"|(?:[a-z]\.)+[a-z]|(?-i:[A-HJ-Za-z])",  # "U.S", and "J", but not the word I
    re.IGNORECASE,
)
_LAST_WORD = re.compile(r"(?<![A-Za-z0-9_./,:;@&?#=-])[A-Za-z][A-Za-z.]*\Z")
_NUMBER_FOLLOWS = re.compile(r"(?<![A-Za-z])(?:No|Ch|Sec|Eq|Art)\.\s+\Z", re.IGNORECASE)  # "No. 5", but also "No. Why?"
_LIST_NUMBER = re.compile(r"(?:(?:\A|\n)[\s>*_#-]*|(?:: |：)(?=1\Z))(\d{1,3})\Z")
_NUMBER_IN_LINE = re.compile(r"\s(\d{1,3})\Z")
_CONJUNCTION = re.compile(
    r"(?:(?<=\s)(?:and|but|or|because|which|while|when|if|although|though|since|until|unless|where)"
    r"|但是|可是|不过|因为|所以|如果|然后|而且|并且|或者|以及|虽然|于是|因此|还有)\Z",
    re.IGNORECASE,
)
_PREPOSITION = re.compile(
    r"(?<=\s)(?:to|for|with|in|on|at|from|about|into|by|as|than|that|who|how|what|why)\Z", re.IGNORECASE
)
_CHINESE_JOINT = re.compile(  # before a small word that ends no longer one (现在, 首都), or after a particle
    "(?:(?<![现正存所实内外潜自好])在|(?<![自服])从|(?<![一两三几])把|(?<!棉)被|(?<!脚)跟|(?<!再)也|(?<![首成古京全])都"
    "|(?<![成早这那])就|(?<![归偿])还|(?<![谦出转])让|(?<![不但可只要也都就还总于正凡先老若或便却才真算像即])是"
    "|(?<![不也都就还])(?:可以|应该|需要|能够)|(?<![和跟给对让把被请带陪教帮为向替由叫使比像])(?:[我你他她咱]们|大家)"
    "|已经|一直|通过|为了|关于|对于|根据|按照|如何|怎么|怎样"
    "|(?<=的)(?<!目的)(?![话时确士])|(?<=了)(?<![为除]了)(?![解不])|(?<=[呢吧吗]))"
    f"(?![的了呢吧吗啊呀])(?=[{CJK}]\\Z)"
)
_URL_BEGINS = re.compile(r"(?:https?|ftp|wss?)://|www\.|data:", re.IGNORECASE)
_ACTION = re.compile(STAGE_DIRECTION)
_LONGEST_ACTION = 202


class _Mark(IntEnum):
    NONE = 0
    CLAUSE = 1
    SENTENCE = 2


class Segmenter:
    """Cuts the display text of a reply into segments, in whatever pieces it comes.

    The segments' display texts joined are the reply's display text, all but its silent end: what nothing that can be
    spoken follows (an emoji on a line of its own, code). Silent text elsewhere belongs to the segment after it.

    Args:
        emotion: What the text is spoken with until `turn_to` says otherwise.
    """

    def __init__(self, emotion: str = "") -> None:
        self._emotion = emotion
        self._speakable = Speakable()
        self._silent: list[str] = []
        self._index = 0
        self._budget = FIRST_BUDGET
        self._ahead = 0.0  # length whose audio is still to be played when the next segment comes to be synthesized
        self._open: set[str] = set()  # which of the paired marks are open in this line
        self._closing = False  # whether the last character closes a pair
        self._item = 0  # the last number of a list
        self._begin([])

    def feed(self, text: str) -> list[Segment]:
        """The segments that are now known to be whole."""
        segments: list[Segment] = []
        for following in text:
            if self._chars and (end := self._cut(following)):
                segments += self._emit(end)
            self._add(following)
        return segments

    def turn_to(self, emotion: str) -> list[Segment]:
        """What is fed from now on is spoken with ``emotion``. What was fed before is a segment, if it can be spoken."""
        segments = self._emit(len(self._chars))
        self._emotion = emotion
        return segments

    def finish(self) -> list[Segment]:
        """The last segment, if anything is left to speak."""
        return self._emit(len(self._chars))

    def _begin(self, chars: list[str]) -> None:
        """Begin the next chunk with characters that were judged already."""
        self._chars: list[str] = []
        self._length = 0
        self._blank = True
        self._word_begin = 0
        self._mark = _Mark.NONE
        self._run = 0
        self._spaced = False
        self._action: int | None = None  # where the asterisk stands that may open a stage direction
        for char in chars:
            self._add(char)

    def _emit(self, end: int) -> list[Segment]:
        chunk = "".join(self._chars[:end])
        length = self._length
        self._begin(self._chars[end:])
        self._silent.append(chunk)
        speech = self._speakable.feed(chunk)
        if not speech:
            return []
        segment = Segment(self._index, "".join(self._silent), speech, self._emotion)
        self._silent.clear()
        self._index += 1
        length -= self._length  # what follows the cut was counted too
        self._ahead = max(self._ahead - PACE * length, 0) + length
        self._budget = round(min(max(self._ahead / PACE, FIRST_BUDGET), LARGEST_BUDGET))
        return [segment]

    def _add(self, char: str) -> None:
        before = self._chars[-1] if self._chars else " "
        self._chars.append(char)
        self._pair(char, before)
        if before.isspace():
            self._word_begin = len(self._chars) - 1
        if is_cjk(char):
            self._length += CJK_LENGTH
        elif char.isalnum() and (is_cjk(before) or not (before.isalnum() or before in _IN_WORDS)):
            self._length += WORD_LENGTH

    def _pair(self, char: str, before: str) -> None:
        """Note which quotes and asterisks are open; nothing opens before white space, ``**`` is one mark."""
        if char == "\n":
            self._open.clear()
        elif char.isspace():
            self._open.discard(before)
        elif char in _PAIRED and char != before:
            self._closing = char in self._open
            self._open ^= {char}
        elif char != before:
            self._closing = False

    def _cut(self, following: str) -> int:
        """How many characters a segment takes now that ``following`` is known; 0 if it goes on."""
        char = self._chars[-1]
        if self._in_action(char, following):
            return 0
        self._blank = self._blank and char.isspace()
        self._judge(char, following)
        if self._mark and following.isdigit() and _NUMBER_FOLLOWS.search("".join(self._chars[-8:])):
            self._mark = _Mark.NONE
        if self._mark and not self._run_goes_on(following):
            enough = SHORTEST_CLAUSE if self._index == 0 else self._budget
            if self._mark is _Mark.SENTENCE or self._length >= enough:
                return len(self._chars)
            self._mark = _Mark.NONE
        if end := self._at_joint(following):
            return end
        return len(self._chars) if self._too_long(char, following) else 0

    # ------------------------------------------------------------------------------------------------------- marks

    def _judge(self, char: str, following: str) -> None:
        """Note what ``char`` ends."""
        ends = char not in _ASCII_MARKS or _may_follow_mark(following)
        if ends and char in _SENTENCE_MARKS and (char != "." or self._is_full_stop()):
            self._mark = _Mark.SENTENCE
        elif ends and char in _CLAUSE_MARKS and not (following.isdigit() and self._follows_digit()):
            self._mark = max(self._mark, _Mark.CLAUSE)
        elif not self._mark or not self._belongs_to_run(char):
            self._mark = _Mark.NONE
        self._run = self._run + 1 if self._mark else 0
        self._spaced = bool(self._mark) and (self._spaced or char.isspace())

    def _belongs_to_run(self, char: str) -> bool:
        """Whether ``char`` goes with the mark before it. A quote or an asterisk that opens something does not.

        It does after white space, and where none is open: ``好！*微笑*我来``.
        """
        if char in _CLOSERS_UNLESS_SPACED:
            closes = char not in _PAIRED or char in self._open or (self._closing and char == self._chars[-1])
            return closes and not self._spaced
        return char.isspace() or char in _CLOSERS or is_emoji(char)

    def _run_goes_on(self, following: str) -> bool:
        is_mark = following in _SENTENCE_MARKS or following in _CLAUSE_MARKS
        return self._run < LONGEST_RUN and (is_mark or self._belongs_to_run(following))

    def _is_full_stop(self) -> bool:
        tail = "".join(self._chars[-24:-1])
        if number := _LIST_NUMBER.search(tail):
            self._item = int(number[1])
            return False
        if (number := _NUMBER_IN_LINE.search(tail)) and int(number[1]) == self._item + 1 > 1:
            self._item += 1
            return False
        word = _LAST_WORD.search(tail)
        return word is None or not _ABBREVIATION.fullmatch(word[0])

    def _follows_digit(self) -> bool:
        return len(self._chars) > 1 and self._chars[-2].isdigit()

    # ------------------------------------------------------------------------------------- conjunctions and long text

    def _at_joint(self, following: str) -> int:
        """Where the conjunction or preposition begins that ends here, or a Chinese particle ends.

        0 if there is none, or the text is not long enough.
        """
        if following.isascii() and following.isalnum():
            return 0
        used = self._length / self._budget
        tail = "".join(self._chars[-12:])
        early, late = (0.75, 1.0) if self._index == 0 else (1.0, 1.5)
        joint = early if self._index == 0 else late
        for place, enough in ((_CONJUNCTION, early), (_PREPOSITION, late), (_CHINESE_JOINT, joint)):
            text = tail + following if place is _CHINESE_JOINT else tail
            if used >= enough and (found := place.search(text)):
                return len(self._chars) - len(tail) + found.start()
        return 0

    def _too_long(self, char: str, following: str) -> bool:
        if char.isspace() or (is_cjk(char) and is_cjk(following)):
            return self._length >= 2 * self._budget or len(self._chars) >= LONGEST_WORD
        if len(self._chars) - self._word_begin < LONGEST_WORD or not following.isalnum():
            return False
        return not _URL_BEGINS.search("".join(self._chars[self._word_begin : self._word_begin + 200]))

    def _in_action(self, char: str, following: str) -> bool:
        """Whether this is the inside of what may be a stage direction in asterisks, which is not cut."""
        if self._action is None:
            begins = char == "*" and not following.isspace() and following != "*"
            if begins and self._blank:
                self._action = len(self._chars) - 1
        elif char == "*":
            action = "".join(self._chars[self._action :])
            self._action = None
            if (found := _ACTION.match(action + following)) and found.end() == len(action):
                self._mark = _Mark.SENTENCE
        elif char == "\n" or len(self._chars) > _LONGEST_ACTION:
            self._action = None
        return self._action is not None


def _may_follow_mark(following: str) -> bool:
    """Whether an ASCII mark before ``following`` ends something, and is not a part of a number, a name or a URL."""
    return (
        not following.isascii()
        or following.isspace()
        or following in _ASCII_MARKS
        or following in _CLOSERS
        or following in _CLOSERS_UNLESS_SPACED
    )
