"""The keys of the Studio, as the list of keys shows them."""

SHORTCUTS = (
    (
        "Anywhere",
        (
            ("Search and commands", "Ctrl K"),
            ("This list", "?"),
            ("Make, History, Templates, Account", "G M"),
            ("To the prompt, or to the search", "/"),
            ("Theme", "Shift T"),
        ),
    ),
    (
        "While writing",
        (
            ("Make", "Ctrl ⏎"),
            ("Earlier prompts, in an empty box", "↑"),
            ("Cite picture 1 to 9", "Alt 1"),
            ("Paste a picture", "Ctrl V"),
            ("Back to the feed", "Esc"),
        ),
    ),
    (
        "On a card",
        (
            ("Next and last", "← →"),
            ("Open", "Enter"),
            ("Vary", "V"),
            ("Use as reference", "R"),
            ("Compare", "C"),
            ("Keep", "K"),
            ("Download", "D"),
            ("Copy link", "L"),
            ("Cancel or erase", "Del"),
        ),
    ),
    (
        "On one picture",
        (
            ("Newer, older", "J K"),
            ("Zoom", "+ −"),
            ("Fit, one to one", "0 1"),
            ("Full screen", "F"),
            ("Back", "Esc"),
        ),
    ),
    (
        "In the history",
        (
            ("Select", "X"),
            ("Select up to here", "Shift X"),
            ("Select all shown", "Ctrl A"),
        ),
    ),
)
"""(group, ((what it does, keys), ...)): an English sentence and the keys, separated by blanks."""
