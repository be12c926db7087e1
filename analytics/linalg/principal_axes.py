"""Principal component analysis (PCA): centre, axes and variances, with one sign convention."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.runtime.arrays import FloatArray

__all__ = ["PrincipalAxes", "principal_axes"]

#: Rows taken to double precision at once.
CHUNK = 8192
#: Coefficients within this share of the largest one of an axis: the first decides the sign.
EQUAL = 1e-6


@dataclass(frozen=True, slots=True)
class PrincipalAxes:
    """Leading principal components of a set of points.

    Attributes
    ----------
    centre : float array (d,)
    vectors : float array (d, k)
        Orthonormal columns, by falling variance. The largest coefficient of each is positive.
    variances : float array (k,)
        Mean squared coordinate along each axis.
    shares : float array (k,)
        Of the variance of the points; 0 where all points are equal.
    """

    centre: FloatArray
    vectors: FloatArray
    variances: FloatArray
    shares: FloatArray

    def project(self, x: FloatArray) -> FloatArray:
        """Return the coordinates of points along the axes, float64 array (n, k)."""
        found = np.empty((len(x), self.vectors.shape[1]))
        for start in range(0, len(x), CHUNK):
            part = slice(start, start + CHUNK)
            found[part] = (x[part] - self.centre) @ self.vectors
        return found


def principal_axes(x: FloatArray, k: int) -> PrincipalAxes:
    """Return the leading principal components, in double precision.

    Parameters
    ----------
    x : float array (n, d)
    k : int
        Axes wanted; at most d are given.

    Notes
    -----
    O(n d^2 + d^3): eigenvectors of the covariance, as scikit-learn's ``covariance_eigh``, but
    without a copy of the points in double precision.
    """
    centre = x.mean(axis=0, dtype=np.float64)
    scatter = np.zeros((x.shape[1], x.shape[1]))
    for start in range(0, len(x), CHUNK):
        part = x[start : start + CHUNK] - centre
        scatter += part.T @ part
    values, vectors = np.linalg.eigh(scatter)
    values = np.maximum(values[::-1], 0.0) / len(x)
    leading = np.ascontiguousarray(vectors[:, ::-1][:, :k])
    size = np.abs(leading)
    first = np.argmax(size >= (1.0 - EQUAL) * size.max(axis=0), axis=0)
    leading *= np.sign(leading[first, np.arange(leading.shape[1])])
    shares = values[:k] / max(float(values.sum()), np.finfo(float).tiny)
    return PrincipalAxes(centre, leading, values[:k], shares)
