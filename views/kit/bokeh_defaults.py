"""Memoised defaults of Bokeh's properties: a workaround that halves what a visit costs.

Bokeh (3.9) works out for each property of each model what depends on its class alone: which
defaults a class overrides (a walk over its ancestors), whether a default has to be made anew for
each model (a walk over the type), and the default itself (copied, validated and transformed, when
a model is made and when it is sent). See docs/upstream.md.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import bokeh
from bokeh.core.has_props import HasProps
from bokeh.core.property.descriptors import PropertyDescriptor

__all__ = ["remember_defaults"]

#: What these methods look like is no promise of Bokeh's: other versions are left alone.
KNOWN = "3.9."
#: Of these a default is the same object for all who have it.
_STABLE = (str, int, float, bool, type(None))


@cache
def remember_defaults() -> None:
    """Let each class of models remember its defaults; once per process."""
    if not bokeh.__version__.startswith(KNOWN):
        return
    overridden = HasProps._overridden_defaults.__func__
    unstable = PropertyDescriptor.has_unstable_default
    default = PropertyDescriptor.instance_default
    is_unstable: dict[tuple[PropertyDescriptor[Any], type], bool] = {}
    defaults: dict[tuple[PropertyDescriptor[Any], type], Any] = {}

    def has_unstable_default(self: PropertyDescriptor[Any], obj: HasProps) -> bool:
        key = self, type(obj)
        if key not in is_unstable:
            is_unstable[key] = unstable(self, obj)
        return is_unstable[key]

    def instance_default(self: PropertyDescriptor[Any], obj: HasProps) -> Any:
        key = self, type(obj)
        if obj.themed_values():
            return default(self, obj)
        if key in defaults:
            return defaults[key]
        found = default(self, obj)
        if isinstance(found, _STABLE) and not self.has_unstable_default(obj):
            defaults[key] = found
        return found

    HasProps._overridden_defaults = classmethod(cache(overridden))
    PropertyDescriptor.has_unstable_default = has_unstable_default
    PropertyDescriptor.instance_default = instance_default
