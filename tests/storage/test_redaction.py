from __future__ import annotations

import pytest

from storage.redaction import Called, Redaction


@pytest.mark.parametrize(
    ("message", "text", "cleaned"),
    [
        ("I love cheese so", "Ann: I love CHEESE, really", "Ann: […], really"),
        ("I love cheese", "they love cheese", "they love cheese"),
        (
            "私の秘密はチーズが好きなことです",
            "彼女の秘密はチーズが好きなことだそうです",
            "彼女[…]だそうです",
        ),
        ("私はチーズが好き", "チーズがない", "チーズがない"),
        ("我的密码是苹果香蕉梨", "她说她的密码是苹果香蕉梨!", "她说她[…]!"),
        ("ฉันชอบกินชีสมากที่สุด", "เธอบอกว่าฉันชอบกินชีสมากที่สุดนะ", "เธอบอกว่า[…]นะ"),
        ("สวัสดี", "สวัสดี", "สวัสดี"),
        ("パスワードはapple pearです", "彼女のパスワードはapple pearですね", "彼女の[…]ね"),
    ],
)
def test_what_nobody_would_say_by_chance_is_taken_out(
    message: str, text: str, cleaned: str
) -> None:
    assert Redaction([message], []).clean(text) == cleaned


@pytest.mark.parametrize("message", ["yes", "はい", "ใช่"])
def test_a_short_message_is_taken_out_of_answers_to_it_alone(message: str) -> None:
    redaction = Redaction([message], [])
    text = f"「{message}」"
    assert redaction.clean(text) == text
    assert redaction.clean(text, answer=True) == "「[…]」"


@pytest.mark.parametrize(
    ("name", "text", "cleaned"),
    [
        ("Ana", "Anas banana, said ANA", "[…]s banana, said […]"),
        ("さくら", "昨日はさくらさんも", "昨日は[…]さんも"),
        ("花子", "昨日花子さんが来た", "昨日[…]さんが来た"),
        ("林", "林さんは森林にいる", "[…]さんは森林にいる"),
        ("Li", "I like what Li said, or _Li_", "I like what […] said, or _[…]_"),
        ("Li", "@li: a lit list", "@[…]: a lit list"),
        ("Bo", "Bo's book", "[…]'s book"),
        ("J", "J is what @J and @Jo say", "J is what @[…] and @Jo say"),
        ("Li", "> li: my secret\n> is cheese\nwhat?", "> […]\nwhat?"),
    ],
)
def test_a_name_is_taken_out_where_it_stands_for_the_person(
    name: str, text: str, cleaned: str
) -> None:
    assert Redaction([], [name, "", " "]).clean(text) == cleaned


@pytest.mark.parametrize(
    ("name", "text", "called"),
    [
        ("Ana", "ask @ana, please", True),
        ("Ana", "@Anaさん、どう?", True),
        ("花子", "昨日@花子さんが", True),
        ("Ana", "> Ana: my secret", True),
        ("Ana", "Ana is not here", False),
        ("Ana", "@Anastasia", False),
        ("gmail", "bob@gmail.com", False),
        ("here", "@here", False),
        ("", "@ and > : ", False),
    ],
)
def test_who_is_called_by_their_name(name: str, text: str, called: bool) -> None:
    assert Called([name]).in_(text) is called
