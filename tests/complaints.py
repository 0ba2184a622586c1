"""What a call says of bad input."""

import pytest


def complaint(call, *words):
    """The one sentence with which a call fails, which holds some words."""
    with pytest.raises(ValueError) as caught:
        call()
    text = str(caught.value)
    assert "\n" not in text
    assert text.endswith(".")
    assert ". " not in text.replace("et al. ", "")
    for word in words:
        assert word in text, text
    return text
