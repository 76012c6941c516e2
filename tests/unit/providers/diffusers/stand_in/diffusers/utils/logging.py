def disable_progress_bar() -> None:
    """There is none."""
