"""Picture bytes: content-addressed, behind signed links."""
