"""Images that vendors deliver: opening them, and recognising blank ones."""
