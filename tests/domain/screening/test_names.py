"""One spelling for what people take for the same name or number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.screening.names import normalised


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("张三", "张三"),
        ("张　三", "张三"),
        (" 张 三\t", "张三"),
        ("阿卜杜·热合曼", "阿卜杜热合曼"),
        ("阿卜杜•热合曼", "阿卜杜热合曼"),
        ("阿卜杜・热合曼", "阿卜杜热合曼"),
        ("ＺＨＡＮＧ　Ｓａｎ", "zhangsan"),
        ("O'Neill, Ann-Marie", "oneillannmarie"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("11010519491231002x", "11010519491231002x"),
        ("１１０１０５１９４９１２３１００２Ｘ", "11010519491231002x"),
        ("三只松鼠（北京）有限公司", "三只松鼠北京有限公司"),
        ("三只松鼠(北京)有限公司", "三只松鼠北京有限公司"),
        ("﹁·﹂", ""),
        ("", ""),
    ],
)
def test_width_case_blanks_and_marks_make_no_difference(written: str, meant: str) -> None:
    assert normalised(written) == meant


@given(st.text(max_size=40))
def test_what_is_normalised_stays_so(text: str) -> None:
    assert normalised(normalised(text)) == normalised(text)


def test_simplified_and_traditional_are_two_spellings() -> None:
    assert normalised("张三") != normalised("張三")
