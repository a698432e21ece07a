"""Display text becomes speech text: what a voice can say, and should.

- Code between fences is shown, not spoken. Inline code is.
- Markdown leaves its words: headings, lists, quotes, tables (a pause between cells), links and images (their text).
- A URL is spoken as its host: ``https://www.example.com/a?b=c`` is "example dot com", in Chinese text "example点com".
  So is ``example.com/a``, which needs no scheme to be one.
- Emoji, kaomoji, emoticons and HTML tags are not spoken.
- Stage directions are shown, not spoken: ``*waves*``, ``(laughs)``, ``（笑）`` or ``[微笑]`` where a line or a segment
  begins; character cards narrate like that. Anywhere else asterisks are emphasis and brackets an aside, and their words
  are spoken: leaving out all that stands in asterisks, as others do, would lose words that were only stressed.
- Repeated punctuation and white space are folded.
"""

import html
import re

from myna.text.characters import CJK, EMOJI

_STRESSED = "真的?|非常|绝对|一定|千万|必须|重要|特别|[最很太不]|[你我他她它这那]们?"
STAGE_DIRECTION = (
    # In asterisks: begins as no sentence does or ends as one, so that an italic title before its sentence is none. A
    # Chinese one needs no space after it, if it is no word that is often stressed and no sentence goes on from it.
    rf"(?:\*(?!(?:{_STRESSED})\*[{CJK}])(?:[a-z{CJK}]|(?=[^*\n]*[.!?。！？…~～]\*)[^\s*])[^*\n]{{0,200}}(?<!\s)\*"
    rf"(?!(?![{CJK}“「『…])\S|[的地得了着们和与是](?!确|的))"
    rf"|[（(](?![一二三四五六七八九十]+[）)])(?:[{CJK}]{{1,8}}|[a-z][a-z' ]{{2,40}})[）)]"
    rf"|\[(?:[{CJK}]{{1,4}}|[A-Z]?[a-z]{{2,20}})\])"
)
"""A stage direction, where it may stand: the narration in asterisks may be long, the rest is a few words."""

_URL_END = r"\s<>\"'`|\\^{}\[\]\u2018-\u201f\u3000-\U0010ffff"
_URL = re.compile(rf"(?:(?:https?|ftp|wss?)://|www\.(?=\w))(?:[^{_URL_END}]*[^{_URL_END}.,;:!?)*_~])?", re.IGNORECASE)
_BARE_URL = re.compile(
    rf"(?<![A-Za-z0-9_@./-])((?:[A-Za-z0-9-]+\.)+(?:com|org|net|edu|gov|io|ai|dev|app|cn|de|fr|jp|uk|us))/[^{_URL_END}，。]*(?<![.,;:!?])",
    re.IGNORECASE,
)
_HOST = re.compile(r"(?:\w+://)?(?:[^/?#]*@)?(?:www\.)?([^/:?#]*)", re.IGNORECASE)

_KAOMOJI = "▽∇ω≧≦＾∀Д□◕‿╯╰╥┬´｀｡･∩⌒¯ツ"

_BEFORE_URLS = tuple(
    (re.compile(pattern, re.MULTILINE), replacement)
    for pattern, replacement in (
        (r"[^\S\n]+", " "),  # first, or what follows would try each of many spaces
        (r" ?\n\s*", "\n"),
        (r"<!--[\s\S]*?(?:-->|\Z)", " "),
        (r"</?[A-Za-z][A-Za-z0-9-]*(?:\s[^<>]*)?/?>", " "),
        (r"<\|[A-Za-z][^<>\n]*>?", " "),  # a control token, whole or cut off
        (r"!?\[([^\[\]]*)\]\([^()\s]*(?:\([^()\s]*\)[^()\s]*)*(?:\s+[\"'(][^)\n]*)?\)", r"\1"),  # link, image
        (r"\]\([^()\s]*\)?|!(?=\[)|\[\^[^\[\]]*\]", ""),  # the end of a link that began earlier; a footnote
        (r"(?<=\])\[[^\[\]]*\]", ""),  # where a link is to be looked up
        (rf"[(（](?=[^()（）\n]{{0,16}}[{_KAOMOJI}])[^()（）\n]{{1,20}}[)）][ノﾉづ♡]*", " "),
        (r"(?<![^\s。！？，])[(（]?(?:\^[_.oO]?\^|[TQ]_+[TQ]|>_+<)[)）]?(?!\w)", " "),
        (r"(?<![^\s。！？，])(?:[:;=]-?[()DPpOo3|]|<3|[xX]D)(?![^\s。！？，.!?,])", " "),
        (rf"[{EMOJI}\ufe30-\ufe4f]+", " "),
        (rf"^(?:[^\w(（*\[\\\n]*{STAGE_DIRECTION})+", " "),
    )
)

_AFTER_URLS = tuple(
    (re.compile(pattern, re.MULTILINE), replacement)
    for pattern, replacement in (
        (r"^ ?(?:> ?)+", ""),
        (r"^ ?(?:#{1,6}|[-*+•·]) (?:\[[ xX]\] )?", ""),
        (r"^[-*_=|:+ ]{3,}$", ""),  # a rule, or the line below a table's head
        (r"^ ?\| ?| ?\| ?$", ""),
        (r" ?\|+ ?", ", "),
        (r"(?<=\d)\s*\*\s*(?=\d)", "×"),
        (r"(?<=\d)[~～](?=\d)|(?<=\w)–(?=\w)", "-"),
        (r"\\(?=[^\w\s])|[*`~～^]|(?<!\b[A-J])#|(?<!\s)[<>]|[<>](?!\s)", ""),
        (r"[_\\\[\]【】［］{}]", " "),
    )
)

_FOLDED = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\s+", " "),
        (r"\.{2,}|。{2,}|…+", "…"),
        (r"[—–]+|-{2,}", "—"),
        (r"([!?！？])[!?！？]+", r"\1"),
        (r"([,，、;；:：])(?:\s*[,，、;；:：])+", r"\1"),
        (r" +([,.;:!?…，。、；：！？](?!\d))", r"\1"),
        (r"^(?:[^\w\s(（“‘「『《$€£¥+-]|\s|[+-](?!\d))+", ""),
    )
)

_FENCE = re.compile("`{3,}")
_CJK = re.compile(f"[{CJK}]")
_LATIN = re.compile(r"[A-Za-z]{2}")


def speakable(display: str) -> str:
    """The speech text of a whole display text; empty if nothing in it can be spoken."""
    return Speakable().feed(display)


class Speakable:
    """Turns the display text of a reply into speech text, chunk by chunk.

    It remembers whether it stands in fenced code, and the language that a URL is to be spoken in.
    """

    def __init__(self) -> None:
        self._in_code = False
        self._chinese = False

    def feed(self, chunk: str) -> str:
        """The speech text of the next chunk; empty if nothing in it can be spoken.

        Chunks end where a clause or a line does; no URL is cut.
        """
        text = html.unescape(self._prose(chunk))
        text = _replaced(text, _BEFORE_URLS)
        self._note_language(_BARE_URL.sub("", _URL.sub("", text)))
        text = _BARE_URL.sub(self._spoken_url, _URL.sub(self._spoken_url, text))
        text = _replaced(_replaced(text, _AFTER_URLS), _FOLDED).strip()
        return text if any(map(str.isalnum, text)) else ""

    def _prose(self, chunk: str) -> str:
        """What of ``chunk`` stands outside fenced code."""
        parts = _FENCE.split(chunk)
        prose = parts[1 if self._in_code else 0 :: 2]
        self._in_code ^= len(parts) % 2 == 0
        return "\n".join(prose)

    def _note_language(self, text: str) -> None:
        if _CJK.search(text):
            self._chinese = True
        elif _LATIN.search(text):
            self._chinese = False

    def _spoken_url(self, url: re.Match[str]) -> str:
        host = _HOST.match(url[0])
        return (host[1] if host else "").strip(".").replace(".", "点" if self._chinese else " dot ")


def _replaced(text: str, rules: tuple[tuple[re.Pattern[str], str], ...]) -> str:
    for pattern, replacement in rules:
        text = pattern.sub(replacement, text)
    return text
