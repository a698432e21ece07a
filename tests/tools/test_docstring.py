import pytest

from myna.core.errors import BadInput
from myna.tools.docstring import Docstring, read_docstring


def test_what_stands_before_the_sections_is_the_description():
    assert read_docstring("""Find a train.

    It may be late.
    By much.

    Args:
        origin: Where it starts,
            as the station is called.
        goal (str): Where it goes.

    Returns:
        The train.

    Raises:
        ValueError: There is none.
    """) == Docstring(
        "Find a train.\n\nIt may be late.\nBy much.",
        {"origin": "Where it starts, as the station is called.", "goal": "Where it goes."},
    )


def test_a_line_is_enough():
    assert read_docstring("Tell the time.") == Docstring("Tell the time.", {})


def test_a_docstring_as_a_chinese_input_method_writes_it_is_read():
    assert read_docstring("""查询天气。

    参数：
        城市：城市的名称，例如：北京
        单位 （可选）：温度单位：摄氏或华氏

    返回：
        天气。
    """) == Docstring("查询天气。", {"城市": "城市的名称，例如：北京", "单位": "温度单位：摄氏或华氏"})


def test_a_colon_in_the_text_is_left_as_it_is():
    assert read_docstring("说明：查询天气。").description == "说明：查询天气。"


def test_attributes_are_no_parameters():
    assert read_docstring("Do it.\n\nAttributes:\n    speed: How fast.\n").parameters == {}


@pytest.mark.parametrize("text", [None, "", " \n "])
def test_without_a_docstring_there_is_an_error_that_says_what_to_write(text: str | None):
    with pytest.raises(BadInput, match="no docstring"):
        read_docstring(text)


def test_a_docstring_that_says_nothing_is_an_error():
    with pytest.raises(BadInput, match="does not say"):
        read_docstring("Args:\n    city: A city.")


def test_a_docstring_that_cannot_be_read_is_an_error_that_shows_a_line():
    with pytest.raises(BadInput, match="cannot be read") as error:
        read_docstring("Find it.\n\nArgs:\n\nReturns:\n    It.")
    assert "location: The city." in error.value.hint
