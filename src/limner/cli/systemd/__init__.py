"""The units by which systemd runs Limner."""
