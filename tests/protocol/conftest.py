"""Messages of every kind with arrays of every dtype and shape, for property tests."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from hat_sim.protocol.messages import (
    CentroidRequest,
    Centroids,
    Chunk,
    ChunkRequest,
    DomainSummary,
    EncoderRequest,
    EncoderTransfer,
    ErrorReply,
    Join,
    Message,
    ModelRequest,
    ModelTransfer,
    PosteriorRequest,
    Predictions,
    PredictRequest,
    SummaryRequest,
    Welcome,
)

DTYPES = (np.float32, np.float16, np.int8, np.int64, np.int32, np.uint8)


def _arrays() -> st.SearchStrategy[np.ndarray]:
    def of(dtype: type[np.generic]) -> st.SearchStrategy[np.ndarray]:
        shapes = npst.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
        elements = {"allow_nan": False, "allow_infinity": False} if np.dtype(dtype).kind == "f" else None
        return npst.arrays(dtype, shapes, elements=elements)

    return st.sampled_from(DTYPES).flatmap(of)


def _messages() -> st.SearchStrategy[Message]:
    name = st.text(max_size=20)
    names = st.lists(name, max_size=5).map(tuple)
    size = st.integers(0, 2**63 - 1)
    fraction = st.floats(0, 1)
    precision = st.sampled_from(["fp32", "fp16", "int8"])
    part = st.sampled_from(["model", "head"])
    array = _arrays()
    weights = st.lists(array, max_size=4).map(tuple)
    shape = st.lists(size, min_size=1, max_size=4).map(tuple)
    sensors = st.none() | names
    return st.one_of(
        st.builds(Join, input_shape=shape, classes=names, sensors=sensors),
        st.builds(Welcome, architecture=name, classes=names, sensors=sensors),
        st.builds(SummaryRequest),
        st.builds(DomainSummary, statistics=array),
        st.builds(CentroidRequest, seed=size, width=st.integers(1, 65_536), classes=names),
        st.builds(Centroids, classes=names, centroids=array, accuracy=fraction),
        st.builds(PosteriorRequest, classes=names),
        st.builds(EncoderRequest, precision=precision, classes=names),
        st.builds(
            EncoderTransfer,
            architecture=name,
            weights=weights,
            classes=names,
            centroids=array,
            accuracy=fraction,
            sensors=sensors,
        ),
        st.builds(ModelRequest, part=part, precision=precision),
        st.builds(
            ModelTransfer,
            part=part,
            architecture=name,
            classes=names,
            weights=weights,
            accuracy=fraction,
            sensors=sensors,
        ),
        st.builds(PredictRequest, classes=names, samples=st.lists(array, min_size=1, max_size=2).map(tuple)),
        st.builds(Predictions, classes=names, logits=array),
        st.builds(
            ChunkRequest,
            request=st.binary(max_size=50),
            size=st.integers(1024, 2**31 - 1),
            wanted=st.lists(size, max_size=4).map(tuple),
        ),
        st.builds(Chunk, index=size, count=size, content=st.binary(max_size=50)),
        st.builds(ErrorReply, fault=name, detail=name),
    )


@pytest.fixture(scope="session")
def any_message() -> st.SearchStrategy[Message]:
    """A strategy for messages of every kind."""
    return _messages()


@pytest.fixture(scope="session")
def any_array() -> st.SearchStrategy[np.ndarray]:
    """A strategy for finite arrays of every dtype that crosses a link."""
    return _arrays()
