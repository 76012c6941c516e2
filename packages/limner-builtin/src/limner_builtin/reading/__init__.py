"""From a prompt to what it asks for: things, relations, place, style, and the words that nothing is drawn for."""
