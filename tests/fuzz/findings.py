"""What hostile input has found in this program, each with the test that keeps it away."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Found:
    """A fault that has been mended. `by` says who found it: the fuzzer, or a reader."""

    words: str
    test: str
    by: str = "reading"


FINDINGS = (
    Found(
        "a display name became part of the persona, and could say what to do",
        "tests/control/test_personas.py::test_a_name_that_says_what_to_do_is_only_a_name",
    ),
    Found(
        "two people of one name, or of names that look the same, were one person in a prompt",
        "tests/prompt/test_speakers.py::test_a_second_person_of_the_same_name_has_a_number",
    ),
    Found(
        "a line such as `Ann: …` within a message passed for what Ann said",
        "tests/prompt/test_speakers.py::test_a_forged_transcript_is_a_quotation",
    ),
    Found(
        "a name with thousands of accents filled the prompt",
        "tests/prompt/test_speakers.py::test_a_name_takes_one_line_and_little_room",
    ),
    Found(
        "tags in full-width letters were tags to vocabularies that normalise",
        "tests/prompt/test_normalised.py::test_a_tag_in_other_letters_is_no_tag_once_it_is_normalised",
    ),
    Found(
        "so were control tokens in a model's own template",
        "tests/prompt/test_normalised.py::test_a_control_token_in_other_letters_is_none",
    ),
    Found(
        "roles that a template writes as plain text could be written by people",
        "tests/prompt/test_normalised.py::test_tags_that_are_plain_text_in_a_template_are_none_in_peoples_text",
    ),
    Found(
        "a tag that ends in spaces was neutralised for ever",
        "tests/prompt/test_normalised.py::test_any_tag_can_be_neutralised",
    ),
    Found(
        "a line of Code Llama's message heads could be written with a letter behind it",
        "tests/prompt/test_code_llama.py::test_a_head_with_anything_behind_it_is_none",
        "the fuzzer",
    ),
    Found(
        "a file of nothing but backticks took quadratic time",
        "tests/text/test_plain.py::test_a_file_of_nothing_but_fences_takes_no_more_steps_than_any_other",
    ),
    Found(
        "a file's name could hold lines, and marks that turn its ending around",
        "tests/text/test_plain.py::test_a_file_name_says_what_kind_of_file_it_is",
    ),
    Found(
        "a name could forge lines and links in the list of changes and a persona's history",
        "tests/text/test_plain.py::test_a_name_of_somebody_who_may_change_the_list_forges_no_line_of_it",
    ),
    Found(
        "lone surrogates made a message unsaveable, NUL on PostgreSQL",
        "tests/text/test_plain.py::test_every_text_can_be_stored_and_has_one_kind_of_line",
    ),
    Found(
        "the model's links could name one address and lead to another, its text hold hidden"
        " letters, turned directions and terminal codes",
        "tests/text/test_honest.py::test_what_deceives_is_taken_out_or_shown",
    ),
    Found(
        "Slack's labelled links, `<https://one|two>`, passed",
        "tests/slack/test_pings.py::test_a_link_with_a_label_is_none",
        "the fuzzer",
    ),
    Found(
        "a spoiler cut by the end of a message hid what stood between it and the next one",
        "tests/text/test_honest.py::test_a_spoiler_over_a_border_opens_and_the_next_ones_stay_closed",
    ),
    Found(
        "a cut at a space took the accent off that stood on it",
        "tests/text/test_split.py::test_an_accent_on_a_space_is_not_cut_off",
        "the fuzzer",
    ),
    Found(
        "infinity where a whole number belongs raised an exception nobody expected",
        "tests/slack/test_typed.py::test_infinity_is_no_number",
        "the fuzzer",
    ),
    Found(
        "a button's id with a number that no database holds raised one, too",
        "tests/control/test_room.py::test_a_number_that_no_database_holds_is_not_ours",
    ),
    Found(
        "admins of another organisation were admins here, in channels shared by Slack Connect",
        "tests/slack/test_strangers.py::test_who_manages_another_workspace_manages_nothing_here",
    ),
    Found(
        "`_` in the id of a workspace stood for any letter when a channel was exported",
        "tests/control/test_isolation.py::test_no_command_elsewhere_shows_anything_of_a_channel",
    ),
)
