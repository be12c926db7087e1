"""The stages that come with Winnow: importing one registers it, see `views.shell.stage`."""

import views.compare.stage
import views.data.stage
import views.density.stage
import views.retrain.stage
import views.review.stage  # noqa: F401
