import pytest

from networking_romana.segment_choice import BadSegment, choose_segment

TAG = "romana.segment="


@pytest.mark.parametrize(
    ("port_tags", "profile", "network_tags", "name", "segment"),
    [
        ([TAG + "a"], {"romana_segment": "b"}, [TAG + "c"], "d", "a"),
        ([], {"romana_segment": "b"}, [TAG + "c"], "d", "b"),
        ([], {}, [TAG + "c"], "d", "c"),
        ([], {}, [], "d", "d"),
        ([], {}, [], "", "default"),
        (["other", "romana.segments=x"], {"other": 1}, ["more"], "d", "d"),
        ([TAG + "a", TAG + "a"], {}, [], "d", "a"),
        ([TAG + "a"], {"romana_segment": "not a name"}, [TAG + "also not"], "nor this", "a"),
        ([], {}, [], "x" * 63, "x" * 63),
        ([], {}, [], "_A.b-9", "_A.b-9"),
    ],
)
def test_the_first_who_says_a_segment(port_tags, profile, network_tags, name, segment):
    assert choose_segment(port_tags, profile, network_tags, name) == segment


@pytest.mark.parametrize(
    ("port_tags", "profile", "network_tags", "name"),
    [
        ([TAG], {}, [], "d"),
        ([TAG + "a b"], {}, [], "d"),
        ([TAG + "a", TAG + "b"], {}, [], "d"),
        ([], {"romana_segment": ""}, [], "d"),
        ([], {"romana_segment": None}, [], "d"),
        ([], {"romana_segment": 7}, [], "d"),
        ([], {}, [TAG + "-a"], "d"),
        ([], {}, [TAG + "a", TAG + "b"], "d"),
        ([], {}, [], "my net"),
        ([], {}, [], "x" * 64),
        ([], {}, [], "a\n"),
        ([], {}, [], "é"),
    ],
)
def test_words_that_are_no_name_are_nobody_s_segment(port_tags, profile, network_tags, name):
    with pytest.raises(BadSegment):
        choose_segment(port_tags, profile, network_tags, name)
