"""What ships for rehearsing and testing a deployment; nothing inside Limner leans on it."""
