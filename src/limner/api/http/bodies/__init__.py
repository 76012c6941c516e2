"""Reading request bodies: JSON, forms and files, their codings, and how long they may take; the body of a success."""
