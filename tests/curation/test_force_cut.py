"""The force cut-off: what is above it is so by the length of the vector, and strictly."""

from dataclasses import replace

import numpy as np

from analytics.curation.force_cut import force_cut
from tests.makers import make_dataset


def test_a_cut_is_what_its_definition_says():
    data = make_dataset((2, 2, 2, 2), isolated=1)
    forces = np.zeros((9, 3))
    forces[0] = 3.0, 4.0, 0.0  # exactly at the limit: stays
    forces[3] = 3.0, 4.0, 0.1  # no component above it, the vector is: goes
    forces[4] = -5.1, 0.0, 0.0
    forces[6] = np.nan  # not known
    forces[8] = 9.0, 0.0, 0.0  # an isolated atom stays
    cut = force_cut(replace(data, forces=forces), 5.0)
    assert cut.structures.tolist() == [1, 2]
    assert (cut.n_above, cut.n_lost) == (2, 4)
