"""The library of finished pictures: lists, what is kept, what is erased later, and what was made from what."""
