"""The API of AUTOMATIC1111's Stable Diffusion web UI over durable tasks: for apps that know no other."""
