"""Reading the containers of JPEG, PNG and WebP without decoding pixels."""
