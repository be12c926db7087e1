"""The Learn stage: lessons of ten minutes on environments, selections and what a subset costs."""
