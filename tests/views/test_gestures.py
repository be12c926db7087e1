"""One message for many changes: the models of a document are counted once, also after an error."""

import pytest
from bokeh.document import Document
from bokeh.models import Column, Div

from views.kit.gestures import one_change


@pytest.fixture
def counted():
    """A document that a browser follows: its root, the walks through it, the changes told."""
    doc, root = Document(), Column(children=[])
    doc.add_root(root)
    walks, told = [], []
    recompute = doc.models.recompute
    doc.models.recompute = lambda: (walks.append(1), recompute())
    doc.on_change(told.append)
    return doc, root, walks, told


def test_models_that_come_and_go_in_one_change_are_counted_once(counted):
    doc, root, walks, told = counted
    gone = Div(text="gone")
    root.children = [gone]
    walks.clear(), told.clear()
    with one_change(doc):
        root.children = [Div(text="first")]
        with one_change(doc):
            root.children = [*root.children, Div(text="second")]
        root.children[1].text = "changed"
    assert len(walks) == 1
    assert [child.text for child in root.children] == ["first", "changed"]
    assert all(child.document is doc for child in root.children)
    assert gone.document is None
    walks.clear()
    with one_change(doc):
        root.children[0].text = "no model came or went"
    assert not walks


def test_after_an_error_in_a_change_models_are_counted_as_ever(counted):
    doc, root, walks, _ = counted

    @one_change(doc)
    def fail():
        root.children = [Div(text="there all the same")]
        raise ValueError("on purpose")

    with pytest.raises(ValueError, match="on purpose"):
        fail()
    assert root.children[0].document is doc
    root.children = [later := Div(text="later")]
    assert later.document is doc
    assert len(walks) == 2
