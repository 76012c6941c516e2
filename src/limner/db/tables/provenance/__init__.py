"""What is known of pictures that left: signatures and perceptual hashes."""
