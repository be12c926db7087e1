"""What a selection keeps and loses."""
