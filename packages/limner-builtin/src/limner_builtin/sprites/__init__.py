"""Cut-out pictures of things: emoji, icons as toys, figures in costume, and what they are made of."""
