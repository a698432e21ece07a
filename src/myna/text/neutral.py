"""Text from others, as text that no model takes for structure."""

import re

# Structure that chat templates and tool-call formats know. A tokenizer makes special tokens of it wherever it stands.
_MARKERS = re.compile(
    r"<(?:[|｜][^\s<>|｜]{1,64}[|｜]"  # <|im_end|> <|python_tag|> <｜tool▁calls▁begin｜>
    r"|/?(?:(?:\w{1,64}:)?tool_?calls?|tool_response|tool_result|function_?calls?|functions?|parameters?|invoke)"
    r"(?:[ =][^<>\n]{0,200})?"
    r"|/?(?:tools|arg_key|arg_value|think|thinking|thought|s|bos|eos|pad|unk|sop|eop|(?:start|end)_of_turn)"
    r"|/?(?:begin|end)_of_(?:image|text|sentence)|</?SYS>)>"
    r"|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS?|TOOL_RESULTS|TOOL_CONTENT|ARGS|CALL_ID|THINK|[gs]?MASK)\]",
    re.IGNORECASE,
)
# Nothing to read: terminal colours, control characters but tab and line ends, and halves of characters.
_UNREADABLE = re.compile("\x1b\\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def neutralise(text: str) -> str:
    """``text`` that no tokenizer, template or parser takes for structure; people read it as before.

    Markers of chat templates and tool calls get other brackets, ``‹|im_end|›``. What cannot be read is taken out.
    """
    return _MARKERS.sub(_other_brackets, _UNREADABLE.sub("", text))


_OTHER_BRACKETS = str.maketrans("<>[]", "‹›()")


def _other_brackets(marker: re.Match[str]) -> str:
    return marker.group().translate(_OTHER_BRACKETS)
