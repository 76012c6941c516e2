"""What is known of pictures that left: signatures and looks."""
