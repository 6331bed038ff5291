from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.ordinary import ALSO_NAMES, NEVER_NAMES
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
        ("Ann", "ann asked, anns idea, Ann's", "[…] asked, […]s idea, […]'s"),
        ("Ann", "announce the anniversary, Anna", "announce the anniversary, Anna"),
        ("Ann Lee", "ANN LEE and Ann", "[…] and Ann"),
        ("Max", "Maxens und Maxes at max 10, maxes", "[…]ens und […]es at max 10, maxes"),
        ("Tim", "Tim's times, tims", "[…]'s times, […]s"),
        ("Doe", "does doe", "does […]"),
        ("Will", "Will, WILL and @will will", "[…], […] and @[…] will"),
        ("will", "Will and @will will", "[…] and @[…] will"),
        ("the", "The cat, the dog and @The", "The cat, the dog and @[…]"),
        ("Weiß", "Weiß weiß", "[…] weiß"),
        ("user", "users and a user", "users and a user"),
        ("is", "is @is it", "is @[…] it"),
        ("everyone", "@everyone, everyone", "@everyone, everyone"),
        ("...", "well... @... yes", "well... @[…] yes"),
        ("2024", "in 2024", "in 2024"),
        ("🦊🌙🌙", "Ask 🦊🌙🌙, not 🦊 or 🌙🌙", "Ask […], not 🦊 or 🌙🌙"),
        ("🦊", "@🦊 and 🦊", "@[…] and 🦊"),
        ("👩‍🚀", "👩‍🚀 and @👩‍🚀", "👩‍🚀 and @[…]"),
        ("🇵🇪", "Lima 🇵🇪", "Lima 🇵🇪"),
        ("(:", "what (: said", "what […] said"),
        ("?!", "what?! said @?!", "what?! said @[…]"),
        ("->", "a -> b, [c](d)", "a -> b, [c](d)"),
        ("31337", "31337 is no 313370", "[…] is no 313370"),
        ("🦊2024", "in 2024 🦊2024", "in 2024 […]"),
        ("~Ann~", "~ann~!", "[…]!"),
        ("Анна", "Анну, Анной и анна, но не Аннушку", "[…], […] и […], но не Аннушку"),
        ("Иван", "Ивана нет, а Иванов есть", "[…] нет, а Иванов есть"),
        ("Марк", "Марка, марка", "[…], марка"),
        ("です", "そうです", "そうです"),
        ("Ana", "昨日Anaさんが", "昨日[…]さんが"),
        ("Li", "> li: my secret\n> is cheese\nwhat?", "> […]\nwhat?"),
    ],
)
def test_a_name_is_taken_out_where_it_stands_for_the_person(
    name: str, text: str, cleaned: str
) -> None:
    assert Redaction([], [name, "", " "]).clean(text) == cleaned


LETTERS = st.text("abenstANN", min_size=1, max_size=7)


@given(LETTERS, st.lists(LETTERS, max_size=8))
def test_words_of_others_that_are_not_the_name_stay_letter_by_letter(
    name: str, words: list[str]
) -> None:
    others = [word for word in words if not is_the_name(word.casefold(), name.casefold())]
    text = " ".join(others)
    assert Redaction([], [name]).clean(text) == text


def is_the_name(word: str, name: str) -> bool:
    return word.startswith(name) and word.removeprefix(name) in {"", "s", "es", "en", "ens"}


@given(st.sampled_from(sorted(NEVER_NAMES | ALSO_NAMES)), st.sampled_from([str.lower, str.title]))
def test_who_is_called_as_a_word_takes_that_word_from_nobody(
    word: str, writing: Callable[[str], str]
) -> None:
    text = f"well, {word}"
    assert Redaction([], [writing(word)]).clean(text) == text


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
